"""The tool that takes a message for the team: what the caller hears once it is kept, and which number is to be rung."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from domain.agreement import NOTHING_READ, Agreement, require_agreement
from domain.carts import MAX_NAME
from domain.emergencies import EMERGENCY, emergency_number, is_emergency, told_in_danger
from domain.errors import Refused
from domain.left_messages import KINDS, LeftMessage
from domain.names import person_name
from domain.phone_numbers import E164, InvalidNumberError, one_form
from domain.phrases.messages import message_wording
from domain.tool_outcomes import KeepMessage, OrderState, ReadBack, ToolAnswer, Transfer
from domain.tool_parameters import NO_CALL, Arguments


def leave_message(state: OrderState, arguments: Arguments, now: datetime) -> ToolAnswer:
    """Kept at once for the number that the caller shows; another number is read back first."""
    text, said = arguments.text("message"), arguments.text("phone")
    if is_emergency(text):
        return _to_a_person(state)
    about = next(one for one in KINDS if one == arguments.text("about"))
    name = person_name(arguments.text("name"), MAX_NAME) if arguments.text("name") else ""
    words = message_wording(state.restaurant.language)
    if said == NO_CALL:
        return _kept(state, LeftMessage(about, text, name, wants_call=False), words.left)
    if not said and not state.caller_known:
        message = "The caller shows no number: ask for the one to ring back, or whether they want no call at all."
        raise Refused("number_needed", message, (), "phone")
    if not said:
        return _kept(state, LeftMessage(about, text, name), f"{words.left} {words.own_number}")
    phone = _number(said, state.restaurant.country)
    spoken = _in_groups(said, words.group)
    if state.asked_number != phone or state.agreement.version != state.cart.version:
        return _asked(state, phone, spoken, words.right_number.format(number=spoken))
    require_agreement(state.agreement, state.cart)
    return _kept(state, LeftMessage(about, text, name, phone), f"{words.left} {words.number.format(number=spoken)}")


def _kept(state: OrderState, left: LeftMessage, say: str) -> ToolAnswer:
    return ToolAnswer(replace(state, asked_number=""), say, KeepMessage(left), {"left": True})


def _asked(state: OrderState, phone: str, spoken: str, say: str) -> ToolAnswer:
    """Whether it is the right number: a version of the cart of its own, so that a yes to it agrees to nothing else."""
    cart = replace(state.cart, version=state.cart.version + 1)
    agreement = Agreement(version=cart.version)
    asked = replace(state, cart=cart, asked_number=phone, offered_house=None, cancelling=False, agreement=agreement)
    return ToolAnswer(asked, say, ReadBack(cart, say, about=spoken), {"left": False})


def _to_a_person(state: OrderState) -> ToolAnswer:
    """Nobody in danger waits for somebody to read it."""
    restaurant, team = state.restaurant, state.restaurant.fallback_number
    message = "Somebody is in danger: no message is taken. The caller is put through; say its sentence."
    refused = Refused("emergency", message, (), "message", subject=emergency_number(restaurant.country))
    transfer = Transfer(team, EMERGENCY) if team else None
    return ToolAnswer(replace(state, agreement=NOTHING_READ), told_in_danger(restaurant), transfer, refused=refused)


def _number(said: str, country: str) -> str:
    """Raises Refused ``bad_number``."""
    message = "That is no phone number: ask for it again, digit by digit."
    try:
        number = one_form(said, country)
    except InvalidNumberError:
        raise Refused("bad_number", message, (), "phone") from None
    if not E164.fullmatch(number):
        raise Refused("bad_number", message, (), "phone")
    return number


def _in_groups(said: str, size: int) -> str:
    """The digits as they are read out."""
    digits = "".join(one for one in said if one.isdigit())
    return " ".join(digits[at : at + size] for at in range(0, len(digits), size))
