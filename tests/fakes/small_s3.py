"""Just enough of an S3 server to be a bad one."""

from __future__ import annotations

from contextlib import AbstractContextManager

from small_server import SmallServer, running

NOTHING = (
    b"<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
)
HEADERS = {"ETag": '"1"', "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT"}


class SmallS3(SmallServer):
    """Has every bucket, believes every signature, lists nothing, and knows no lifecycle rules."""

    heeds_conditions = True

    def head(self) -> None:
        self.answer(200, headers=HEADERS)

    def get(self) -> None:
        if "lifecycle" in self.path:
            self.refuse(404, "NoSuchLifecycleConfiguration")
        elif "list-type=2" in self.path:
            self.answer(200, NOTHING)
        elif self.path in self.objects:
            self.answer(200, self.objects[self.path], HEADERS)
        else:
            self.refuse(404, "NoSuchKey")

    def put(self) -> None:
        data = self.body()
        if "lifecycle" in self.path:
            self.refuse(501, "NotImplemented")
            return
        conditional = self.heeds_conditions and "If-None-Match" in self.headers
        with self.lock:
            exists = conditional and self.path in self.objects
            if not exists:
                self.objects[self.path] = data
        if exists:
            self.refuse(412, "PreconditionFailed")
        else:
            self.answer(200, headers=HEADERS)

    def delete(self) -> None:
        self.objects.pop(self.path, None)
        self.answer(204)


def running_small_s3(*, heeds_conditions: bool) -> AbstractContextManager[str]:
    """Run the server and yield its URL."""
    return running(SmallS3, heeds_conditions=heeds_conditions)
