"""A function that answers a line before it reads its request, and a second one with the length of the body."""

import os

from aiohttp import web


async def early(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    await answer.write(b"begun\n")
    body = await request.read()
    await answer.write(f"{len(body)}\n".encode())
    return answer


async def health(_: web.Request) -> web.Response:
    return web.Response()


if __name__ == "__main__":
    app = web.Application()
    app.add_routes([web.post("/early", early), web.get("/health/ready", health)])
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None)
