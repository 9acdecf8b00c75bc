"""Forms about who stands before a terminal: the buzzer, calls, letting somebody in."""

from collections.abc import Sequence

from pushserver.model.command_form import CommandForm, FieldKind, FormField
from pushserver.protocols.controlid import form_bodies
from pushserver.protocols.controlid.form_fields import number, words

_EVENTS = (
    ("7", words("access granted", "acesso concedido")),
    ("6", words("access denied", "acesso negado")),
    ("3", words("not identified", "não identificado")),
)

TERMINAL_FORMS: Sequence[CommandForm] = (
    CommandForm(
        name="remote_user_authorization",
        endpoint="remote_user_authorization",
        label=words("Let somebody in by name", "Autorizar alguém pelo nome"),
        fields=(
            FormField(
                name="event",
                label=words("What is shown", "O que é mostrado"),
                kind=FieldKind.CHOICE,
                required=True,
                choices=_EVENTS,
            ),
            number("user_id", words("User's id", "Id do usuário"), required=True),
            FormField(
                name="user_name",
                label=words("User's name", "Nome do usuário"),
                required=True,
            ),
            FormField(
                name="user_image",
                label=words("Show the user's photo", "Mostrar a foto do usuário"),
                kind=FieldKind.SWITCH,
            ),
            number("portal_id", words("Portal", "Portal"), required=True, default="1"),
            number(
                "door",
                words("Door that opens", "Porta que abre"),
                minimum=1,
                maximum=99,
                hint=words("Empty: none", "Vazio: nenhuma"),
            ),
        ),
        fill=form_bodies.authorization,
    ),
    CommandForm(
        name="buzzer_buzz",
        endpoint="buzzer_buzz",
        label=words("Sound the buzzer", "Acionar o buzzer"),
        fields=(
            number("frequency", words("Hertz", "Hertz"), required=True, default="4000"),
            number(
                "duty_cycle",
                words("Duty cycle (%)", "Ciclo ativo (%)"),
                required=True,
                default="50",
                maximum=100,
            ),
            number(
                "timeout",
                words("For milliseconds", "Por milissegundos"),
                required=True,
                default="1000",
                minimum=1,
                maximum=3000,
            ),
        ),
    ),
    CommandForm(
        name="make_sip_call",
        endpoint="make_sip_call",
        label=words("Call by intercom", "Ligar pelo interfone"),
        fields=(
            FormField(name="target", label=words("Extension", "Ramal"), required=True),
        ),
    ),
    CommandForm(
        name="finalize_sip_call",
        endpoint="finalize_sip_call",
        label=words("End the call", "Encerrar a ligação"),
        fill=form_bodies.no_body,
    ),
    CommandForm(
        name="reboot_recovery",
        endpoint="reboot_recovery",
        label=words("Restart in recovery", "Reiniciar em recuperação"),
        fill=form_bodies.no_body,
        destroys=True,
    ),
)
