"""Forms that load and change objects: users, cards, logs."""

from collections.abc import Sequence

from pushserver.model.command_form import CommandForm, FieldKind, FormField, Words
from pushserver.protocols.controlid import form_bodies
from pushserver.protocols.controlid.form_fields import json_field, number, words

_OBJECTS: Sequence[tuple[str, Words]] = (
    ("users", words("users", "usuários")),
    ("cards", words("cards", "cartões")),
    ("access_logs", words("access logs", "registros de acesso")),
    ("alarm_logs", words("alarm logs", "registros de alarme")),
    ("groups", words("groups", "grupos")),
    ("user_groups", words("users of groups", "usuários dos grupos")),
    ("access_rules", words("access rules", "regras de acesso")),
    ("time_zones", words("time zones", "horários")),
    ("areas", words("areas", "áreas")),
    ("portals", words("portals", "portais")),
    ("pins", words("PINs", "PINs")),
    ("qrcodes", words("QR codes", "QR codes")),
    ("templates", words("fingerprints", "digitais")),
    ("devices", words("devices", "dispositivos")),
)
_OBJECT = FormField(
    name="object",
    label=words("Objects", "Objetos"),
    kind=FieldKind.CHOICE,
    required=True,
    choices=_OBJECTS,
)
_LIMIT = number("limit", words("At most", "No máximo"), minimum=1)
_OFFSET = number("offset", words("Skip the first", "Pular os primeiros"))
_WHERE_HINT = words('Such as {"users": {"id": 7}}', 'Por exemplo {"users": {"id": 7}}')
_WHERE = json_field("where", words("Which ones", "Quais"), hint=_WHERE_HINT)
_VALUES = json_field(
    "values",
    words("Values", "Valores"),
    required=True,
    hint=words(
        'A list, such as [{"id": 7, "name": "Ann"}]',
        'Uma lista, por exemplo [{"id": 7, "name": "Ana"}]',
    ),
)

OBJECT_FORMS: Sequence[CommandForm] = (
    CommandForm(
        name="load_users",
        endpoint="load_objects",
        label=words("Load users", "Carregar usuários"),
        fields=(_LIMIT, _OFFSET, _WHERE),
        fill=form_bodies.users,
    ),
    CommandForm(
        name="load_logs",
        endpoint="load_objects",
        label=words("Load access logs", "Carregar registros de acesso"),
        fields=(_LIMIT, _OFFSET, _WHERE),
        fill=form_bodies.logs,
    ),
    CommandForm(
        name="load_objects",
        endpoint="load_objects",
        label=words("Load objects", "Carregar objetos"),
        fields=(_OBJECT, _LIMIT, _OFFSET, _WHERE),
    ),
    CommandForm(
        name="report_generate",
        endpoint="report_generate",
        label=words("Make a report", "Gerar um relatório"),
        fields=(
            _OBJECT,
            FormField(
                name="columns",
                label=words("Columns", "Colunas"),
                required=True,
                hint=words("Such as id, name", "Por exemplo id, name"),
            ),
            FormField(
                name="delimiter",
                label=words("Between columns", "Entre as colunas"),
                default=";",
            ),
            FormField(name="header", label=words("First line", "Primeira linha")),
            _WHERE,
        ),
        fill=form_bodies.report,
    ),
    CommandForm(
        name="create_objects",
        endpoint="create_objects",
        label=words("Create objects", "Criar objetos"),
        fields=(_OBJECT, _VALUES),
    ),
    CommandForm(
        name="create_or_modify_objects",
        endpoint="create_or_modify_objects",
        label=words("Create or change objects", "Criar ou alterar objetos"),
        fields=(_OBJECT, _VALUES),
    ),
    CommandForm(
        name="modify_objects",
        endpoint="modify_objects",
        label=words("Change objects", "Alterar objetos"),
        fields=(
            _OBJECT,
            json_field("values", words("New values", "Novos valores"), required=True),
            json_field(
                "where", words("Which ones", "Quais"), required=True, hint=_WHERE_HINT
            ),
        ),
    ),
    CommandForm(
        name="destroy_objects",
        endpoint="destroy_objects",
        label=words("Delete objects", "Excluir objetos"),
        fields=(
            _OBJECT,
            json_field(
                "where",
                words("Which ones", "Quais"),
                hint=words(
                    "Without this, all of them", "Sem isto, todos são excluídos"
                ),
            ),
        ),
        destroys=True,
    ),
)
