"""Forms for people, one or more for an endpoint, with the vendor's field names."""

from collections.abc import Sequence

from pushserver.model.command_form import CommandForm, FieldKind, FormField
from pushserver.protocols.controlid import form_bodies
from pushserver.protocols.controlid.form_fields import number, words
from pushserver.protocols.controlid.object_forms import OBJECT_FORMS
from pushserver.protocols.controlid.terminal_forms import TERMINAL_FORMS
from pushserver.protocols.controlid.user_forms import USER_FORMS

_MODULE = FormField(
    name="module",
    label=words("Module", "Módulo"),
    required=True,
    hint=words("Such as general", "Por exemplo general"),
)
FORMS: Sequence[CommandForm] = (
    CommandForm(
        name="open_door",
        endpoint="execute_actions",
        label=words("Open a door", "Abrir uma porta"),
        fields=(
            number(
                "door",
                words("Door", "Porta"),
                required=True,
                default="1",
                minimum=1,
                maximum=99,
            ),
        ),
        fill=form_bodies.action,
    ),
    CommandForm(
        name="open_sec_box",
        endpoint="execute_actions",
        label=words("Open by a security box", "Abrir pela MAE (SecBox)"),
        fields=(
            number(
                "id", words("Box", "Módulo"), required=True, default="65793", minimum=1
            ),
            number(
                "timeout", words("For milliseconds", "Por milissegundos"), minimum=1
            ),
        ),
        fill=form_bodies.sec_box,
    ),
    CommandForm(
        name="turn_turnstile",
        endpoint="execute_actions",
        label=words("Release a turnstile", "Liberar uma catraca"),
        fields=(
            FormField(
                name="allow",
                label=words("Direction", "Sentido"),
                kind=FieldKind.CHOICE,
                required=True,
                choices=(
                    ("clockwise", words("clockwise", "horário")),
                    ("anticlockwise", words("anticlockwise", "anti-horário")),
                    ("both", words("both", "ambos")),
                ),
            ),
        ),
        fill=form_bodies.turnstile,
    ),
    *OBJECT_FORMS,
    *USER_FORMS,
    *TERMINAL_FORMS,
    CommandForm(
        name="get_configuration",
        endpoint="get_configuration",
        label=words("Read configuration", "Ler configuração"),
        fields=(
            _MODULE,
            FormField(
                name="keys",
                label=words("Keys", "Chaves"),
                required=True,
                hint=words("Separated by commas", "Separadas por vírgulas"),
            ),
        ),
        fill=form_bodies.read_configuration,
    ),
    CommandForm(
        name="set_configuration",
        endpoint="set_configuration",
        label=words("Change configuration", "Alterar configuração"),
        fields=(
            _MODULE,
            FormField(name="key", label=words("Key", "Chave"), required=True),
            FormField(name="value", label=words("Value", "Valor")),
        ),
        fill=form_bodies.configuration,
    ),
    CommandForm(
        name="system_information",
        endpoint="system_information",
        label=words("System information", "Informações do sistema"),
        fill=form_bodies.no_body,
    ),
    CommandForm(
        name="set_system_time",
        endpoint="set_system_time",
        label=words("Set the clock", "Acertar o relógio"),
        fields=(
            FormField(
                name="time",
                label=words("Local time", "Hora local"),
                required=True,
                hint=words("Such as 2026-01-31T08:30", "Por exemplo 2026-01-31T08:30"),
            ),
        ),
        fill=form_bodies.time,
    ),
    CommandForm(
        name="message_to_screen",
        endpoint="message_to_screen",
        label=words("Show a message", "Mostrar uma mensagem"),
        fields=(
            FormField(
                name="message", label=words("Message", "Mensagem"), required=True
            ),
            number(
                "timeout",
                words("For milliseconds", "Por milissegundos"),
                default="5000",
            ),
        ),
    ),
    CommandForm(
        name="reboot",
        endpoint="reboot",
        label=words("Restart", "Reiniciar"),
        fill=form_bodies.no_body,
    ),
    CommandForm(
        name="change_login",
        endpoint="change_login",
        label=words("Change the login", "Alterar o login"),
        fields=(
            FormField(name="login", label=words("Login", "Login"), required=True),
            FormField(
                name="password",
                label=words("Password", "Senha"),
                kind=FieldKind.SECRET,
                required=True,
            ),
        ),
        destroys=True,
    ),
    CommandForm(
        name="set_system_network",
        endpoint="set_system_network",
        label=words("Change the network", "Alterar a rede"),
        fields=(
            FormField(
                name="ip", label=words("IP address", "Endereço IP"), required=True
            ),
            FormField(name="netmask", label=words("Netmask", "Máscara de rede")),
            FormField(name="gateway", label=words("Gateway", "Gateway")),
        ),
        destroys=True,
    ),
    CommandForm(
        name="delete_admins",
        endpoint="delete_admins",
        label=words("Delete all administrators", "Excluir os administradores"),
        fill=form_bodies.no_body,
        destroys=True,
    ),
    CommandForm(
        name="reset_to_factory_default",
        endpoint="reset_to_factory_default",
        label=words("Reset to factory settings", "Restaurar de fábrica"),
        fields=(
            FormField(
                name="keep_network_info",
                label=words("Keep the network", "Manter a rede"),
                kind=FieldKind.SWITCH,
                default="1",
            ),
        ),
        destroys=True,
    ),
)
