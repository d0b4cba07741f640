from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.twilio_signatures import is_signed, sign
from edge_bridge.entrances.twilio import twiml
from edge_bridge.entrances.twilio.server import WITHHELD, caller_number

pytestmark = pytest.mark.unit

# The example of Twilio's documentation and of its libraries' tests.
TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_twilios_own_example_is_signed() -> None:
    assert sign(TOKEN, URL, FORM.items()) == SIGNATURE
    assert is_signed(SIGNATURE, TOKEN, URL, FORM.items())


@pytest.mark.parametrize(
    ("token", "url", "changed"),
    [
        ("12346", URL, {}),
        (TOKEN, URL.replace("https", "http"), {}),
        (TOKEN, URL + "&baz=3", {}),
        (TOKEN, URL, {"Digits": "1235"}),
        (TOKEN, URL, {"Extra": ""}),
    ],
)
def test_anything_else_is_not(token: str, url: str, changed: dict[str, str]) -> None:
    assert not is_signed(SIGNATURE, token, url, (FORM | changed).items())


@pytest.mark.parametrize("signature", ["", "RSOYDt4T1cUTdK1PDd93/VVr8B8", "é", SIGNATURE.lower()])
def test_a_signature_that_is_none_is_refused(signature: str) -> None:
    assert not is_signed(signature, TOKEN, URL, FORM.items())


def test_without_a_token_nothing_is_signed() -> None:
    assert not is_signed(sign("", URL, FORM.items()), "", URL, FORM.items())


def test_the_schemes_own_port_may_be_signed_or_not() -> None:
    with_port = URL.replace(".com/", ".com:443/")
    assert is_signed(sign(TOKEN, with_port, FORM.items()), TOKEN, URL, FORM.items())
    assert is_signed(SIGNATURE, TOKEN, with_port, FORM.items())
    other = URL.replace(".com/", ".com:8443/")
    assert is_signed(sign(TOKEN, other, FORM.items()), TOKEN, other, FORM.items())
    assert not is_signed(SIGNATURE, TOKEN, other, FORM.items())


def test_a_call_is_connected_to_its_stream_and_asked_for_afterwards() -> None:
    response = ElementTree.fromstring(twiml.connect("wss://a/s/t", "https://a/status", "https://a/next"))
    stream, redirect = response.find("./Connect/Stream"), response.find("./Redirect")
    assert stream is not None
    assert redirect is not None
    assert stream.attrib == {"url": "wss://a/s/t", "statusCallback": "https://a/status"}
    assert redirect.text == "https://a/next"
    assert [verb.tag for verb in response] == ["Connect", "Redirect"]


def test_a_transfer_tells_when_the_phone_is_answered_and_when_it_is_over() -> None:
    response = ElementTree.fromstring(twiml.dial("+33612340000", 15, "https://a/dialled", "https://a/status"))
    dial, number = response.find("./Dial"), response.find("./Dial/Number")
    assert dial is not None
    assert number is not None
    assert dial.attrib == {"timeout": "15", "action": "https://a/dialled", "method": "POST"}
    assert number.text == "+33612340000"
    assert (number.attrib["statusCallbackEvent"], number.attrib["statusCallback"]) == ("answered", "https://a/status")


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=40))
def test_no_text_breaks_out_of_the_twiml(text: str) -> None:
    assert [verb.tag for verb in ElementTree.fromstring(twiml.connect(text, text, text))] == ["Connect", "Redirect"]
    assert len(ElementTree.fromstring(twiml.dial(text, 15, text, text)).findall("./Dial/*")) == 1


@pytest.mark.parametrize(
    ("given_", "number"),
    [
        ("+33612345678", "+33612345678"),
        ("0033612345678", "+33612345678"),
        ("anonymous", ""),
        ("", ""),
        ("sip:ann@example.test", ""),
        *((number, "") for number in WITHHELD),
    ],
)
def test_a_callers_number_is_one_or_withheld(given_: str, number: str) -> None:
    assert caller_number(given_) == number
