from pathlib import Path
from typing import Any

import pytest
import yaml

from seeds.files import SEED_FILES, SeedError, cents, read, span_minutes

pytestmark = pytest.mark.unit

ENGLISH = next(file for file in SEED_FILES if file.name == "harbour_pizza.yaml")


def write(folder: Path, content: Any) -> Path:
    file = folder / "broken.yaml"
    file.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return file


def english() -> Any:
    return yaml.safe_load(ENGLISH.read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", SEED_FILES, ids=lambda file: file.stem)
def test_each_restaurant_has_a_full_menu_and_answers(file: Path) -> None:
    content = read(file)

    items = [item for category in content.menu for item in category.items]
    groups_in_use = [key for item in items for key in item.modifiers]
    assert len(items) >= 30
    assert len(content.menu) >= 5
    assert len(content.faq) >= 6
    assert any(len(item.sizes) > 1 for item in items)
    assert len(groups_in_use) > len(set(groups_in_use)), "no modifier group is shared between items"
    assert any(group.minimum > 0 for group in content.modifier_groups.values())
    assert any(item.allergens for item in items)
    assert content.delivery_zones
    assert any(line.provider == "sip" for line in content.phone_lines)


def test_there_is_a_french_and_an_english_restaurant() -> None:
    assert {read(file).restaurant.language for file in SEED_FILES} == {"fr", "en"}


def test_the_spoken_demonstration_finds_its_dishes() -> None:
    content = read(ENGLISH)
    items = {item.name: item for category in content.menu for item in category.items}

    extras = {option.name: cents(option.price) for option in content.modifier_groups["extras"].options}
    assert items["Margherita"].sizes == {"Small": 9.0, "Medium": 11.0, "Large": 13.0}
    assert {"extras", "crust"} == set(items["Margherita"].modifiers)
    assert (extras["Extra olives"], extras["Extra cheese"], extras["Mushrooms"]) == (150, 200, 150)
    assert {"Pepperoni", "Cheeseburger", "Garlic bread", "Chicken wings", "Caesar salad", "Tiramisu"} <= set(items)
    assert set(items["Cola"].sizes) == {"Small", "Large"}


def test_a_span_that_ends_before_it_starts_goes_past_midnight() -> None:
    assert span_minutes("17:00-00:30") == (1020, 1470)
    assert span_minutes("00:00-24:00") == (0, 1440)


def test_cents_are_exact() -> None:
    assert [cents(price) for price in (0.29, 1.15, 4.35, 19.99, 10)] == [29, 115, 435, 1999, 1000]


@pytest.mark.parametrize(
    ("path", "change", "says"),
    [
        ("$.menu[0].items[0].prise", lambda c: c["menu"][0]["items"][0].update(prise=3), "unknown field `prise`"),
        ("$.menu[0].items[1].sizes", lambda c: c["menu"][0]["items"][1].update(sizes={"Small": "ten"}), "Expected"),
        ("$.menu[1].items[0]", lambda c: c["menu"][1]["items"][0].update(sizes={"Small": 3.0}), "not both"),
        ("$.menu[1].items[0].price", lambda c: c["menu"][1]["items"][0].update(price=3.999), "two decimals"),
        ("$.menu[0].items[0].modifiers", lambda c: c["menu"][0]["items"][0].update(modifiers=["x"]), "use one of"),
        ("$.menu[*].items", lambda c: c["menu"][0]["items"][1].update(name="MARGHERITA"), "rename one"),
        ("$.modifier_groups.crust.maximum", lambda c: c["modifier_groups"]["crust"].update(maximum=9), "between"),
        ("$.opening_hours.monday[0]", lambda c: c["opening_hours"].update(monday=["12h-14h"]), "11:30-14:30"),
        ("$.restaurant.zone", lambda c: c["restaurant"].update(zone="Europe/Howth"), "IANA"),
        ("$.restaurant.fallback_number", lambda c: c["restaurant"].update(fallback="forward"), "needs the number"),
    ],
)
def test_an_error_names_the_file_the_path_and_the_fix(path: str, change: Any, says: str, tmp_path: Path) -> None:
    content = english()
    change(content)

    with pytest.raises(SeedError) as refused:
        read(write(tmp_path, content))

    message = str(refused.value)
    assert message.startswith("broken.yaml: ")
    assert path.rsplit(".", 1)[0] in message
    assert says in message


def test_broken_yaml_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match=r"broken\.yaml: line \d: is not valid YAML"):
        read(write(tmp_path, "restaurant:\n  name: [unclosed\n"))


def test_a_missing_file_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match=r"nowhere\.yaml: .*cannot be read"):
        read(tmp_path / "nowhere.yaml")
