"""RFC 4475's torture messages, as far as they mean something to a user agent server over UDP.

Written anew, each with what makes it one; ``{host}`` is where it goes. A length that the message gets wrong on purpose
is in its headers; all others are right.
"""

from collections.abc import Iterator

_SDP = """v=0
o=mhandley 29739 7272939 IN IP4 192.0.2.3
s=-
c=IN IP4 192.0.2.4
t=0 0
m=audio 49217 RTP/AVP 0 12
m=video 3227 RTP/AVP 31
a=rtpmap:31 LPC
"""
_VIA = "SIP/2.0/UDP host5.example.net;rport;branch=z9hG4bK{name}"  # rport: what rings has to be hung up

# Start line, then what replaces or adds to the ordinary headers ("" takes one away), then the body.
_Case = tuple[str, tuple[str, ...], str]
_INVITE = "INVITE sip:user@{host} SIP/2.0"
_OPTIONS = "OPTIONS sip:user@{host} SIP/2.0"
_REGISTER = "REGISTER sip:{host} SIP/2.0"

CASES: dict[str, _Case] = {
    # 3.1.1: valid
    "wsinv": (
        "INVITE sip:vivekg@{host};unknownparam SIP/2.0",
        (
            "TO :\n sip:vivekg@{host} ;   tag    = 1918181833n",
            'From   : "J Rosenberg \\\\\\""       <sip:jdrosen@{host}>\n  ;\n  tag = 98asjd8',
            "MaX-fOrWaRdS: 0068",
            "Call-ID: wsinv.ndaksdj@192.0.2.1",
            "CSeq: 0009\n  INVITE",
            "Via  : SIP  /   2.0\n /UDP\n    192.0.2.2;branch=390skdjuw",
            "s :",
            "NewFangledHeader:   newfangled value\n continued newfangled value",
            "UnknownHeaderWithUnusualValue: ;;,,;;,;",
            "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\n  branch  =   z9hG4bK9ikj8  ,\n SIP  /    2.0   / UDP"
            "  192.168.255.111   ; branch=\n z9hG4bK30239",
            'm:"Quoted string \\"\\"" <sip:jdrosen@{host}> ; newparam =\n      newvalue ;\n  secondparam ; q = 0.33',
        ),
        _SDP,
    ),
    "intmeth": (
        "!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
        ":&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@{host} SIP/2.0",
        (
            "CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~",
            'From: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)&isn\'t+it$/crazy@{host}>;tag=x',
            "extensionHeader-!.%*+_`'~:\ufeff大停電",
        ),
        "",
    ),
    "esc01": (
        "INVITE sip:sips%3Auser%40example.com@{host} SIP/2.0",
        (
            "To: sip:%75se%72@{host}",
            "From: <sip:I%20have%20spaces@{host}>;tag=938",
            "Contact: <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>",
        ),
        _SDP,
    ),
    "escnull": (
        _REGISTER,
        ("To: sip:null-%00-null@{host}", "Contact: <sip:%00@host5.example.com>", "Contact: <sip:%00%00@host5>"),
        "",
    ),
    "esc02": (
        "RE%47IST%45R sip:registrar.{host} SIP/2.0",
        ('To: "%Z%45" <sip:resource@{host}>', "CSeq: 29344 RE%47IST%45R"),
        "",
    ),
    "lwsdisp": (_OPTIONS, ("From: caller<sip:caller@{host}>;tag=323",), ""),
    "longreq": (
        _INVITE,
        (
            'To: "I have a user name of extreme'
            + " proportion" * 30
            + '" <sip:user@{host}:6000;unknownparam1='
            + "very" * 20
            + "longvalue;longparam"
            + "name" * 25
            + "=shortvalue;verylongParameterNameWithNoValue>",
            "F: sip:"
            + "amazinglylongcallername" * 5
            + "@example.net;tag=12"
            + "982424" * 50
            + ";unknownheaderparam"
            + "name" * 20
            + "=unknowheaderparam"
            + "value" * 15,
            "Call-ID: longreq.one" + "really" * 20 + "longcallid",
            "Unknown-" + "Long" * 20 + "-Name: unknown-" + "long" * 20 + "-value; parameter-name = value",
            *(f"Via: SIP/2.0/UDP sip{n}.example.com;rport;branch=z9hG4bKx{n}" for n in range(30)),
            "Contact: <sip:" + "amazinglylongcallername" * 5 + "@host5.example.net>",
        ),
        _SDP,
    ),
    "semiuri": ("OPTIONS sip:user;par=u%40example.net@{host} SIP/2.0", ("To: sip:j_user@{host}",), ""),
    "transports": (
        _OPTIONS,
        tuple(f"Via: SIP/2.0/{one} t1.example.com;branch=z9hG4bKkdjuw" for one in ("SCTP", "TLS", "UNKNOWN", "TCP")),
        "",
    ),
    "mpart01": (
        "MESSAGE sip:kumiko@{host} SIP/2.0",
        ("Content-Type: multipart/mixed;boundary=7a9cbec02ceef655",),
        "--7a9cbec02ceef655\nContent-Type: text/plain\n\nHello\n--7a9cbec02ceef655\nContent-Type: application/"
        "octet-stream\nContent-Transfer-Encoding: binary\n\n0\x82\x01R\x06\n--7a9cbec02ceef655--\n",
    ),
    "mpart_invite": (
        _INVITE,
        ("Content-Type: multipart/mixed;boundary=b",),
        "--b\nContent-Type: application/sdp\n\n" + _SDP + "\n--b\nContent-Type: application/sdp\n\n" + _SDP + "--b--\n",
    ),
    "mpart_no_boundary": (_INVITE, ("Content-Type: multipart/mixed",), "application/sdp\n" + _SDP),
    "mpart_empty": (
        _INVITE,
        ('Content-Type: multipart/mixed;boundary=""',),
        "--\n\napplication/sdp\n--\n" + _SDP,
    ),
    "unreason": ("SIP/2.0 200 = 2**3 * 5**2 \u043d\u043e", ("CSeq: 35 INVITE",), ""),
    "noreason": ("SIP/2.0 100 ", ("CSeq: 35 INVITE",), ""),
    # 3.1.2: invalid
    "badinv01": (_INVITE, ("To: sip:j.user@{host}", 'Contact: "Joe" <sip:joe@example.org>;;;;', "Via: ;;,;,,"), _SDP),
    "clerr": (_INVITE, ("Content-Length: 9999",), _SDP),
    "ncl": (_INVITE, ("Content-Length: -999",), _SDP),
    "scalar02": (
        _REGISTER,
        (
            "CSeq: 36893488147419103232 REGISTER",
            "Max-Forwards: 300",
            "Expires: 10000000000000000000",
            "Contact: <sip:user@host129.example.com>;expires=280297596632815",
        ),
        "",
    ),
    "scalarlg": (
        "SIP/2.0 503 Service Unavailable",
        (
            "CSeq: 9292394834772304023312 OPTIONS",
            "Retry-After: 949302838503028349304023988",
            'Warning: 1812 overture "In Progress"',
        ),
        "",
    ),
    "quotbal": (_INVITE, ('To: "Mr J. User <sip:j.user@{host}>',), _SDP),
    "ltgtruri": ("INVITE <sip:user@{host}> SIP/2.0", (), _SDP),
    "lwsruri": ("INVITE sip:user@{host}; lr SIP/2.0", (), _SDP),
    "lwsstart": ("INVITE  sip:user@{host}  SIP/2.0", (), _SDP),
    "trws": ("OPTIONS sip:remote-target@{host} SIP/2.0  ", (), ""),
    "escruri": ("INVITE sip:user@{host}?Route=%3Csip:example.com%3E SIP/2.0", (), _SDP),
    "baddate": (_INVITE, ("Date: Fri, 01 Jan 2010 16:00:00 EST",), _SDP),
    "regbadct": (_REGISTER, ("Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E",), ""),
    "badaspec": (_OPTIONS, ('To: "Watson, Thomas" < sip:t.watson@{host} >',), ""),
    "baddn": (_OPTIONS, ("From: Bell, Alexander <sip:a.g.bell@{host}>;tag=43",), ""),
    "badvers": ("OPTIONS sip:t.watson@{host} SIP/7.0", ("Via: SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw",), ""),
    "mismatch01": (_OPTIONS, ("CSeq: 8 INVITE",), ""),
    "mismatch02": ("NEWMETHOD sip:user@{host} SIP/2.0", ("CSeq: 8 INVITE",), _SDP),
    "bigcode": ("SIP/2.0 4294967301 better not break the receiver", ("CSeq: 35 INVITE",), ""),
    # 3.2 and 3.3: transaction and application
    "badbranch": (_OPTIONS, ("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK",), ""),
    "insuf": (_INVITE, ("From:", "To:", "Call-ID:"), ""),
    "unkscm": ("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0", (), ""),
    "unkscm_invite": ("INVITE nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0", (), _SDP),
    "novelsc": ("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0", (), ""),
    "unksm2": (
        _REGISTER,
        ("To: isbn:2983792873", "From: <http://www.example.com>;tag=3234233", "Contact: <name:John_Smith>"),
        "",
    ),
    "bext01": (_OPTIONS, ("Require: nothingSupportsThis, nothingSupportsThisEither", "Proxy-Require: noProxy"), ""),
    "bext_invite": (_INVITE, ("Require: nothingSupportsThis", "Supported: 100rel,timer,replaces,,,"), _SDP),
    "invut": (_INVITE, ("Content-Type: application/unknownformat",), '<audio>\n <pcmu port="443"/>\n</audio>\n'),
    "regaut01": (
        _REGISTER,
        ("Authorization: NoOneKnowsThisScheme opaque-data=here", "Contact: <sip:j.user@host.example.com>"),
        "",
    ),
    "multi01": (
        _INVITE,
        (
            "CSeq: 92 INVITE",
            "CSeq: 93 INVITE",
            "Max-Forwards: 70",
            "Max-Forwards: 5",
            "Call-ID: a",
            "Call-ID: b",
            "From: <sip:one@{host}>;tag=3413415",
            "From: <sip:two@{host}>;tag=2923420123",
        ),
        _SDP,
    ),
    "mcl01": (_OPTIONS, ("Content-Length: 13", "Content-Length: 5"), "There's no way to know how many octets"),
    "bcast": (
        "SIP/2.0 200 OK",
        (
            "Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923",
            "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1s",
            "CSeq: 35 INVITE",
        ),
        _SDP,
    ),
    "zeromf": (_OPTIONS, ("Max-Forwards: 0",), ""),
    "zeromf_invite": (_INVITE, ("Max-Forwards: 0",), _SDP),
    "cparam01": (_REGISTER, ("Contact: sip:+19725552222@gw1.example.net;unknownparam",), ""),
    "cparam02": (_REGISTER, ("Contact: <sip:+19725552222@gw1.example.net;unknownparam>",), ""),
    "regescrt": (_REGISTER, ("Contact: <sip:user@example.net?Route=%3Csip:sip.example.com%3E>",), ""),
    "sdp01": (
        _INVITE,
        ("Accept: text/nobodyKnowsThis",),
        _SDP,
    ),
    "inv2543": (
        "INVITE sip:UserB@{host} SIP/2.0",
        ("Via: SIP/2.0/UDP iftgw.example.com", "From: <sip:+13035551111@ift.example.net;user=phone>", "Contact:"),
        "v=0\no=mhandley 29739 7272939 IN IP4 192.0.2.5\ns=-\nc=IN IP4 192.0.2.5\nt=0 0\nm=audio 49217 RTP/AVP 0\n",
    ),
}


def messages(host: str, user: str) -> Iterator[tuple[str, bytes]]:
    """Each case with its name; then each INVITE once more, for ``user``, who exists."""
    for name, case in CASES.items():
        yield name, _written(name, case, host)
        if name == "mpart01":
            second = _written("dblreq2", (_INVITE, (), _SDP), host)
            yield "dblreq", _written("dblreq", (_REGISTER, (), ""), host) + second
    for name, (start, headers, body) in CASES.items():
        if start.startswith("INVITE "):
            aimed = start.replace("sip:user@", f"sip:{user}@").replace("sip:UserB@", f"sip:{user}@")
            yield f"{name} aimed", _written(f"{name}2", (aimed, headers, body), host)


def _written(name: str, case: _Case, host: str) -> bytes:
    start, headers, body = case
    data = body.replace("\n", "\r\n").encode()
    method = start.split(" ")[0]
    ordinary = {
        "via": f"Via: {_VIA.format(name=name)}",
        "to": "To: <sip:user@{host}>",
        "from": "From: <sip:caller@example.net>;tag=5" + name[:3],
        "call-id": f"Call-ID: {name.replace(' ', '')}.0ha0isndaksdj@192.0.2.1",
        "cseq": f"CSeq: 8 {method}",
        "max-forwards": "Max-Forwards: 70",
        "contact": "Contact: <sip:caller@host5.example.net>",
        "content-type": "Content-Type: application/sdp",
        "content-length": f"Content-Length: {len(data)}",
    }
    short = {"f": "from", "t": "to", "m": "contact", "v": "via"}
    given = {short.get(key, key) for key in (line.partition(":")[0].strip().lower() for line in headers)}
    kept = [line for key, line in ordinary.items() if key not in given]
    lines = [line.replace("{host}", host).replace("\n", "\r\n") for line in (start, *kept, *headers)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data
