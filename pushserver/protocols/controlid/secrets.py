"""Which of the vendor's fields hold secrets.

Format: Control iD, "users" (`password`, `salt`), "cards", "qrcodes", "uhf_tags",
"pins", "templates" (`value`, `template`), "access_logs" (`card_value`, `pin_value`,
`qrcode_value`, `uhf_tag`), "user_set_image_list" (`image`).
"""

from pushserver.model.secret_fields import SecretFields

SECRET_FIELDS = SecretFields(
    frozenset({"pin", "card", "qrcode", "uhf", "template", "image", "photo", "senha"})
)
