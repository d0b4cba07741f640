"""What the mails say, in the language of whoever causes them."""

from web.identity.mailing import Mail
from web.words import _


def new_password(to: str, link: str) -> Mail:
    return Mail(
        to,
        _("A new password for AlloResto"),
        _letter(
            _("Somebody, hopefully you, asked for a new password for this address. Choose it here:"),
            link,
            _("The link is good for one hour and opens once. If it was not you, do nothing: your password stays."),
        ),
    )


def password_changed(to: str) -> Mail:
    return Mail(
        to,
        _("Your AlloResto password was changed"),
        _letter(
            _("The password of your account was changed just now, and every other device was logged out."),
            _("If it was not you, ask for a new password on the log-in page at once."),
        ),
    )


def second_step_off(to: str, by: str) -> Mail:
    """``by`` is the restaurant whose owner did it, or AlloResto."""
    return Mail(
        to,
        _("The second step of your AlloResto account is off"),
        _letter(
            _("%(name)s has taken the second step off your account: your password alone opens it now.", name=by),
            _("Set it up again on your account’s page. If you did not ask for this, change your password at once."),
        ),
    )


def sign_up(to: str, link: str) -> Mail:
    return Mail(
        to,
        _("Your AlloResto account"),
        _letter(
            _("Confirm your address and choose a password here:"),
            link,
            _("The link is good for one day and opens once. If you did not sign up, do nothing: no account is made."),
        ),
    )


def known_already(to: str, link: str) -> Mail:
    """For somebody who signs up with an address that has an account."""
    return Mail(
        to,
        _("You have an AlloResto account"),
        _letter(
            _("Somebody, hopefully you, wanted to sign up with this address. It has an account already. Log in here:"),
            link,
            _("If you have forgotten the password, ask for a new one on that page."),
        ),
    )


def invitation(to: str, restaurant: str, invited_by: str, role: str, link: str) -> Mail:
    return Mail(
        to,
        _("%(restaurant)s on AlloResto", restaurant=restaurant),
        _letter(
            _(
                "%(name)s invites you to %(restaurant)s. Your role: %(role)s.",
                name=invited_by,
                restaurant=restaurant,
                role=role,
            ),
            link,
            _("The link is good for seven days and opens once."),
        ),
    )


def _letter(*paragraphs: str) -> str:
    return "\n\n".join((_("Hello,"), *paragraphs, "AlloResto")) + "\n"
