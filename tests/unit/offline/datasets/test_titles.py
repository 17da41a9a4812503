import pytest

from shortlist.offline.datasets.grocery_titles import compose_title, readable_words
from shortlist.offline.datasets.titles import derive_categories, readable_title


@pytest.mark.parametrize(
    ("raw", "readable"),
    [
        ("WHITE HANGING HEART T-LIGHT  HOLDER ", "White Hanging Heart T-Light Holder"),
        ("15CM CHRISTMAS GLASS BALL 20 LIGHTS", "15cm Christmas Glass Ball 20 Lights"),
        ("BAG OF LED LIGHTS FOR THE TREE", "Bag of LED Lights for the Tree"),
        ("POPPY'S PLAYHOUSE 50'S", "Poppy's Playhouse 50's"),
        ("THE KING GIFT BAG", "The King Gift Bag"),
        ("High Resolution Image", "High Resolution Image"),
    ],
)
def test_a_shouted_title_is_capitalised_and_a_written_one_is_left(raw: str, readable: str) -> None:
    assert readable_title(raw) == readable


def test_a_title_belongs_to_its_last_frequent_noun() -> None:
    titles = ["Red Cake Tin", "Round Snack Tins", "Jumbo Bag", "Lunch Bag Red Retrospot", "Tin of Bag Clips", "Mystery"]
    assert derive_categories(titles, min_titles=2) == ["Tin", "Tin", "Bag", "Bag", "Bag", "Other"]


def test_singular_and_plural_are_one_category() -> None:
    titles = ["Gift Box", "Gift Boxes", "Glass", "Wine Glasses", "Doily", "Paper Doilies", "Christmas Cross", "Cross"]
    kinds = ["Box", "Box", "Glass", "Glass", "Doily", "Doily", "Cross", "Cross"]
    assert derive_categories(titles, min_titles=2) == kinds


@pytest.mark.parametrize(
    ("raw", "readable"),
    [
        ("SFT DRNK MLT-PK BTL CARB (EXCP", "soft drink multi-pack bottle carbonated"),
        ("ICE - CRUSHED/CUBED", "ice - crushed/cubed"),
        ("CANDY BARS (SINGLES)(INCLUDING", "candy bars (singles)"),
        ("FEM. HYGN.NAPKINS", "feminine hygiene napkins"),
        ("CHILDREN S ACTIVITY", "children's activity"),
        ("CHRISTMAS  SEASONAL", "christmas seasonal"),
    ],
)
def test_an_abbreviated_product_type_is_spelled_out(raw: str, readable: str) -> None:
    assert readable_words(raw) == readable


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        (("ICE", "ICE - CRUSHED/CUBED", "22 LB", "National"), "Ice - crushed/cubed, 22 lb (National)"),
        (("YOGURT", "YOGURT", None, "Private"), "Yogurt (Private)"),
        (("SEAFOOD", "PREMIUM", None, None), "Seafood: premium"),
        ((None, "INSTORE CUT FRUIT", None, "Private"), "Instore cut fruit (Private)"),
        (("BABY FOODS", None, None, "Private"), "Baby foods (Private)"),
    ],
)
def test_a_grocery_title_says_what_how_much_and_whose(fields: tuple[str | None, ...], title: str) -> None:
    assert compose_title(*fields) == title
