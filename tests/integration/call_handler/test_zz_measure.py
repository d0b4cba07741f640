import asyncio, time, os, statistics, sys, socket
import pytest
from tests.integration.call_handler.conftest import *
from tests.integration.call_handler.conftest import call_event
pytestmark = pytest.mark.integration
def rss(pid):
    d={l.split(":")[0]:l.split()[1] for l in open(f"/proc/{pid}/status") if l.startswith(("VmRSS","VmHWM","RssAnon"))}
    return {k:round(int(v)/1024,1) for k,v in d.items()}
async def raw(port, req):
    r,w=await asyncio.open_connection("127.0.0.1",port); w.write(req); return r,w
async def one(engine,bridge_for,restaurant,env,cached):
    port=free_port(); env=env|{"PORT":str(port),"HOST":"127.0.0.1"}
    bridge=await bridge_for(new_id(),greeting=GREETING)
    headers,body=call_event(bridge,restaurant.id)
    t0=time.perf_counter()
    p=await asyncio.create_subprocess_exec(sys.executable,"-m","functions","call_handler",env=env,stderr=asyncio.subprocess.DEVNULL)
    while True:
        try:
            r,w=await raw(port,b"GET /health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            line=await r.readline(); w.close()
            if b"200" in line: break
        except OSError: pass
        await asyncio.sleep(0.002)
    ready=time.perf_counter()
    r1=rss(p.pid); c1=sum(map(int,open(f"/proc/{p.pid}/stat").read().rsplit(")",1)[1].split()[11:13]))*10
    h="".join(f"{k}: {v}\r\n" for k,v in headers.items())
    r,w=await raw(port,(f"POST / HTTP/1.1\r\nHost: x\r\n{h}content-length: {len(body)}\r\n\r\n").encode()+body)
    acc=con=None
    while con is None:
        l=await r.readline()
        if b"accepted" in l: acc=time.perf_counter()
        if b"connected" in l: con=time.perf_counter()
        assert l and b"ended" not in l, l
    s=await engine.session()
    r2=rss(p.pid); c2=sum(map(int,open(f"/proc/{p.pid}/stat").read().rsplit(")",1)[1].split()[11:13]))*10
    await fill_cart(s); await s.reply(calls=[("confirm_order",{})]); await s.tool_outputs(1); await s.expect("response.create")
    await s.reply("x",audio_ms=400)
    await bridge.caller_speaks(50,0.02)
    await asyncio.sleep(1)
    r3=rss(p.pid); cpu=sum(map(int,open(f"/proc/{p.pid}/stat").read().rsplit(")",1)[1].split()[11:13]))
    w.close(); await asyncio.sleep(0.1)
    p.kill(); await p.wait()
    return (ready-t0)*1e3,(acc-ready)*1e3,(con-ready)*1e3,(con-t0)*1e3,c1,c2,r1,r2,r3
async def test_measure(database,redis_url,redis,master_key,engine,bridge_for,restaurant):
    env={"PATH":os.environ["PATH"],"PYTHONPATH":os.getcwd(),"DATABASE_URL":database.app_url,"REDIS_URL":redis_url,"MASTER_KEY":master_key,"OPENAI_BASE_URL":engine.base_url,"OPENAI_API_KEY":"k"}
    for k in ("MALLOC_ARENA_MAX",):
        if k in os.environ: env[k]=os.environ[k]
    for cached in (False,True):
        rows=[]
        for i in range(8):
            if not cached: await redis.flushall()
            rows.append(await one(engine,bridge_for,restaurant,env,cached))
        print("\ncached" if cached else "\ncold cache")
        for i,n in enumerate(("start->ready","ready->accepted","ready->connected","start->connected","cpu@ready","cpu@joined")):
            v=[x[i] for x in rows]; print(f"  {n:18s} p50 {statistics.median(v):6.0f}  min {min(v):6.0f} max {max(v):6.0f}")
        print("  rss ready/joined/ordered",rows[-1][6:])
