"""Forms about one user: photos, and enrolment at the terminal."""

from collections.abc import Sequence

from pushserver.model.command_form import CommandForm, FieldKind, FormField
from pushserver.protocols.controlid import form_bodies
from pushserver.protocols.controlid.form_fields import json_field, number, words

_MAX_PHOTO = 2 * 1024 * 1024
_USER_ID = number(
    "user_id", words("User's id", "Id do usuário"), required=True, minimum=1
)

USER_FORMS: Sequence[CommandForm] = (
    CommandForm(
        name="user_set_image",
        endpoint="user_set_image",
        label=words("Set a user's photo", "Definir a foto de um usuário"),
        fields=(
            _USER_ID,
            FormField(
                name="image",
                label=words("Photo", "Foto"),
                kind=FieldKind.FILE,
                required=True,
                maximum=_MAX_PHOTO,
                hint=words("A JPEG of 2 MB at most", "Um JPEG de 2 MB no máximo"),
            ),
            number(
                "timestamp",
                words("Taken at (Unix seconds)", "Tirada em (segundos Unix)"),
                required=True,
                default="1",
            ),
            FormField(
                name="match",
                label=words(
                    "Refuse a face that is known", "Recusar um rosto já cadastrado"
                ),
                kind=FieldKind.SWITCH,
            ),
        ),
        fill=form_bodies.photo,
    ),
    CommandForm(
        name="user_list_images",
        endpoint="user_list_images",
        label=words("List photos", "Listar fotos"),
        fields=(
            FormField(
                name="get_timestamp",
                label=words("With their times", "Com as datas"),
                kind=FieldKind.SWITCH,
                default="1",
            ),
        ),
        fill=form_bodies.query_alone,
        verb="GET",
    ),
    CommandForm(
        name="user_get_image",
        endpoint="user_get_image",
        label=words("Read a user's photo", "Ler a foto de um usuário"),
        fields=(_USER_ID,),
        fill=form_bodies.query_alone,
        verb="GET",
    ),
    CommandForm(
        name="user_get_image_list",
        endpoint="user_get_image_list",
        label=words("Read several photos", "Ler várias fotos"),
        fields=(
            FormField(
                name="user_ids",
                label=words("Users' ids", "Ids dos usuários"),
                required=True,
                hint=words(
                    "Up to 100, with commas between", "Até 100, separados por vírgulas"
                ),
            ),
        ),
        fill=form_bodies.photo_ids,
    ),
    CommandForm(
        name="user_set_image_list",
        endpoint="user_set_image_list",
        label=words("Set several photos", "Definir várias fotos"),
        fields=(
            FormField(
                name="match",
                label=words(
                    "Refuse faces that are known", "Recusar rostos já cadastrados"
                ),
                kind=FieldKind.SWITCH,
            ),
            json_field(
                "user_images",
                words("Photos", "Fotos"),
                required=True,
                hint=words(
                    'Such as [{"user_id": 7, "timestamp": 1, "image": "BASE64"}]',
                    'Por exemplo [{"user_id": 7, "timestamp": 1, "image": "BASE64"}]',
                ),
            ),
        ),
    ),
    CommandForm(
        name="user_destroy_image",
        endpoint="user_destroy_image",
        label=words("Delete a user's photo", "Excluir a foto de um usuário"),
        fields=(_USER_ID,),
        destroys=True,
    ),
    CommandForm(
        name="remote_enroll",
        endpoint="remote_enroll",
        label=words("Enroll at the terminal", "Cadastrar no terminal"),
        fields=(
            FormField(
                name="type",
                label=words("What", "O quê"),
                kind=FieldKind.CHOICE,
                required=True,
                choices=(
                    ("card", words("card", "cartão")),
                    ("face", words("face", "rosto")),
                    ("biometry", words("finger", "digital")),
                    ("pin", words("PIN", "PIN")),
                    ("password", words("password", "senha")),
                ),
            ),
            _USER_ID,
            FormField(
                name="save",
                label=words("Save it there", "Salvar no terminal"),
                kind=FieldKind.SWITCH,
                default="1",
            ),
            FormField(
                name="sync",
                label=words("Answer when it is done", "Responder ao terminar"),
                kind=FieldKind.SWITCH,
                default="1",
            ),
        ),
    ),
    CommandForm(
        name="cancel_remote_enroll",
        endpoint="cancel_remote_enroll",
        label=words("Cancel an enrolment", "Cancelar um cadastro"),
        fill=form_bodies.no_body,
    ),
)
