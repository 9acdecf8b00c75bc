"""The users' photos that a device stores, byte for byte."""

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from pushserver.simulate.messages import DeviceError, ReceivedCommand

#: The largest photo, in bytes.
MAX_IMAGE_BYTES = 2 * 1024 * 1024
#: The most photos in one answer.
MAX_IMAGES_PER_ANSWER = 100


@attrs.frozen
class Image:
    """One photo, with the timestamp that came with it."""

    timestamp: int
    content: bytes


@attrs.define
class Gallery:
    """Photos by user; also written to *folder*, if there is one."""

    device_id: int
    folder: Path | None = None
    images: dict[int, Image] = attrs.field(factory=dict)

    def set_image(self, command: ReceivedCommand) -> dict[str, Any]:
        """Answer `user_set_image`."""
        query = command.query
        if "user_id" not in query:
            raise DeviceError("user_id is missing")
        timestamp = int(query.get("timestamp", 0))
        return self._store_image(
            int(query["user_id"]), timestamp, command.decode_bytes()
        )

    def set_images(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Answer `user_set_image_list`."""
        return {
            "results": [self._set_one_image(each) for each in fields["user_images"]]
        }

    def get_images(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Answer `user_get_image_list`."""
        if len(fields["user_ids"]) > MAX_IMAGES_PER_ANSWER:
            raise DeviceError(f"No more than {MAX_IMAGES_PER_ANSWER} users at once")
        return {
            "user_images": [
                {
                    "id": user_id,
                    "timestamp": self.images[user_id].timestamp,
                    "image": base64.b64encode(self.images[user_id].content).decode(),
                }
                for user_id in fields["user_ids"]
                if user_id in self.images
            ]
        }

    def list_images(self, command: ReceivedCommand) -> dict[str, Any]:
        """Answer `user_list_images`."""
        if command.query.get("get_timestamp") != "1":
            return {"user_ids": sorted(self.images)}
        return {
            "image_info": [
                {"user_id": user_id, "timestamp": image.timestamp}
                for user_id, image in sorted(self.images.items())
            ]
        }

    def destroy(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Answer `user_destroy_image`."""
        user_ids = fields.get("user_ids", [fields.get("user_id")])
        if fields.get("all"):
            user_ids = list(self.images)
        for user_id in user_ids:
            self.images.pop(user_id, None)
        return {}

    def _set_one_image(self, image_fields: Mapping[str, Any]) -> dict[str, Any]:
        try:
            content = base64.b64decode(image_fields["image"], validate=True)
        except binascii.Error:
            content = b""
        return self._store_image(
            int(image_fields["user_id"]), int(image_fields.get("timestamp", 0)), content
        )

    def _store_image(
        self, user_id: int, timestamp: int, content: bytes
    ) -> dict[str, Any]:
        if not content:
            return _image_result(user_id, {"code": 1, "message": "image too short"})
        if len(content) > MAX_IMAGE_BYTES:
            return _image_result(user_id, {"code": 2, "message": "image too large"})
        self.images[user_id] = Image(timestamp, content)
        if self.folder:
            (self.folder / f"{self.device_id}-{user_id}.jpg").write_bytes(content)
        return _image_result(user_id)


def _image_result(user_id: int, *errors: Mapping[str, Any]) -> dict[str, Any]:
    """Return the device's answer for one photo."""
    scores = {} if errors else {"bounds_width": 200, "sharpness_quality": 900}
    return {
        "user_id": user_id,
        "scores": scores,
        "success": not errors,
        "errors": list(errors),
    }
