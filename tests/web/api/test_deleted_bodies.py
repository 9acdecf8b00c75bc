"""What programs are told of bodies that were deleted for their age."""

from tests.web.local_server import DEVICE, LOAD_USERS, LocalServer


async def test_deleted_bodies(server: LocalServer) -> None:
    """
    Commands and results say when their bodies were deleted; what takes them is 410.
    """
    command = await server.enqueue({**LOAD_USERS, "metadata": {"job": 7}})
    await server.poll()
    await server.post_result(b'{"response":{"users":[]}}')
    server.clock.tick(8 * 86_400)
    assert 2 == await server.services.body_retention.purge_expired()

    path = f"/commands/{command['id']}"
    shown = (await server.api("GET", path)).json()
    listed = (await server.api("GET", "/commands?include=body")).json()["items"]
    (result,) = (await server.api("GET", "/results")).json()["items"]
    refused = [
        (await server.api("GET", f"{path}/result")).problem,
        (await server.api("POST", f"{path}/retry")).problem,
    ]

    deleted_at = shown["bodyDeletedAt"]
    assert [shown] == listed
    assert "body" not in shown
    assert {"job": 7} == shown["metadata"]
    assert "SUCCESSFUL" == shown["state"]
    assert [deleted_at] * 2 == [
        shown["result"]["bodyDeletedAt"],
        result["bodyDeletedAt"],
    ]
    assert not {"response", "error"} & (shown["result"].keys() | result.keys())
    assert [(410, "body-deleted", None)] * 2 == refused


async def test_retry_told_again(server: LocalServer) -> None:
    """
    A retry that was done before its command's body was deleted is answered again.
    """
    server.services.body_retention.days = 0.5
    command = await server.enqueue(LOAD_USERS)
    await server.api("DELETE", f"/commands/{command['id']}")
    path, headers = f"/commands/{command['id']}/retry", {"Idempotency-Key": "again"}
    first = await server.api("POST", path, headers=headers)
    assert 201 == first.status
    server.clock.tick(13 * 3600)
    assert 1 == await server.services.body_retention.purge_expired()

    again = await server.api("POST", path, headers=headers)

    assert (201, first.body) == (again.status, again.body)


async def test_blob_goes_with_its_command(server: LocalServer) -> None:
    """
    A blob that only a deleted body named is deleted with what nothing names.
    """
    upload = await server.api(
        "POST",
        "/blobs",
        b"x" * 99,
        headers={"Content-Type": "application/octet-stream"},
    )
    blob = upload.json()["id"]
    command = await server.enqueue({"endpoint": "user_set_image", "bodyBlob": blob})
    await server.api("DELETE", f"/commands/{command['id']}")
    server.clock.tick(6 * 86_400)
    assert 0 == await server.services.blobs.purge_unused()
    server.clock.tick(2 * 86_400)
    await server.services.body_retention.purge_expired()

    assert 1 == await server.services.blobs.purge_unused()

    shown = (await server.api("GET", f"/commands/{command['id']}")).json()
    assert "bodyBlob" not in shown
    assert str(DEVICE) == shown["deviceId"]
