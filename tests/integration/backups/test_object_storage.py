from collections.abc import Iterator

import pytest

from backups.errors import BackupError
from backups.object_storage import ObjectStorage
from devstack.object_store import BUCKET, PAGE, Failure, ObjectStore
from devstack.servers.ports import free_port

pytestmark = pytest.mark.integration

PART_BYTES = 1 << 18
LARGE = bytes(range(256)) * (5 * PART_BYTES // 2 // 256)


@pytest.fixture(scope="module")
def server() -> Iterator[ObjectStore]:
    with ObjectStore(free_port()) as one:
        yield one


@pytest.fixture
def store(server: ObjectStore) -> ObjectStore:
    server.objects.clear()
    server.failures.clear()
    server.uploads.clear()
    return server


@pytest.fixture
def storage(store: ObjectStore) -> ObjectStorage:
    return ObjectStorage(store.url, BUCKET, store.credentials, first_pause_s=0.001, part_bytes=PART_BYTES)


def test_a_stream_of_any_length_comes_back_as_it_was(store: ObjectStore, storage: ObjectStorage) -> None:
    for content in (b"x", LARGE):
        assert storage.put_stream("one", [content[:1000], content[1000:]]) == len(content)
        assert b"".join(storage.stream("one")) == content
    assert not store.uploads


@pytest.mark.parametrize("failure", ["503", "slow", "reset", "lost"])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_an_upload_survives_what_passes(
    store: ObjectStore, storage: ObjectStorage, method: str, failure: Failure
) -> None:
    store.failures += [(method, failure), (method, failure)]

    storage.put_stream("one", [LARGE])

    assert store.objects == {"one": LARGE} and not store.failures


def test_an_end_whose_answer_was_lost_is_an_end_all_the_same(store: ObjectStore, storage: ObjectStorage) -> None:
    def pieces() -> Iterator[bytes]:
        yield LARGE
        store.failures.append(("POST", "lost"))

    storage.put_stream("one", pieces())

    assert store.objects == {"one": LARGE}


@pytest.mark.parametrize("failure", ["503", "reset", "truncated"])
def test_a_download_goes_on_where_it_broke_off(store: ObjectStore, storage: ObjectStorage, failure: Failure) -> None:
    storage.put_stream("one", [LARGE])
    store.failures += [("GET", failure), ("GET", failure)]

    assert b"".join(storage.stream("one")) == LARGE
    assert not store.failures


def test_a_storage_that_stays_away_is_given_up_and_leaves_nothing_half(
    store: ObjectStore, storage: ObjectStorage
) -> None:
    store.failures += [("PUT", "503")] * 20

    with pytest.raises(BackupError, match="answers 503 to PUT one: SlowDown; after 6 attempts"):
        storage.put_stream("one", [LARGE])

    assert not store.objects and not store.uploads


def test_a_listing_of_several_pages_is_whole(store: ObjectStore, storage: ObjectStorage) -> None:
    keys = [f"a/{number:04} é&" for number in range(PAGE + 5)]
    for key in [*keys, "b/0"]:
        storage.put(key, b"x")

    assert [(one.key, one.size) for one in storage.list("a/")] == [(key, 1) for key in keys]


def test_what_is_not_there_is_none_to_get_and_no_error_to_delete(storage: ObjectStorage) -> None:
    assert storage.get("nothing") is None
    assert storage.size("nothing") is None
    storage.delete("nothing")
    with pytest.raises(BackupError, match="there is no nothing in the bucket"):
        list(storage.stream("nothing"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"secret_key": "wrong"}, "403 to PUT one: SignatureDoesNotMatch; look at BACKUP_S3_ACCESS_KEY"),
        ({"access_key": "wrong"}, "403 to PUT one: InvalidAccessKeyId"),
        ({"region": "elsewhere"}, "403 .*BACKUP_S3_REGION"),
    ],
)
def test_wrong_credentials_are_told_with_the_settings_to_look_at(
    store: ObjectStore, change: dict[str, str], told: str
) -> None:
    wrong = store.credentials._replace(**change)

    with pytest.raises(BackupError, match=told):
        ObjectStorage(store.url, BUCKET, wrong).put("one", b"x")


def test_a_bucket_that_is_not_there_and_an_endpoint_that_is_none_name_their_settings(store: ObjectStore) -> None:
    with pytest.raises(BackupError, match=r"404 .*NoSuchBucket; look at BACKUP_S3_BUCKET"):
        ObjectStorage(store.url, "another", store.credentials).put("one", b"x")
    for wrong in ("s3.example.net", "https://s3.example.net:https", "https://s3.example.net:99999", "https://[::1"):
        with pytest.raises(BackupError, match="BACKUP_S3_ENDPOINT: not a URL"):
            ObjectStorage(wrong, BUCKET, store.credentials)
    away = ObjectStorage(f"http://127.0.0.1:{free_port()}", BUCKET, store.credentials, first_pause_s=0.001)
    with pytest.raises(BackupError, match=r"does not answer: .*after 6 attempts"):
        away.put("one", b"x")
