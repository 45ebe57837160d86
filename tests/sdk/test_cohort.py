import pandas as pd

from jali.demo import cohort


def test_the_cohort_is_the_same_every_time_and_fits_its_card() -> None:
    visits, card = cohort.rows(), cohort.card()
    pd.testing.assert_frame_equal(visits, cohort.rows())
    assert list(visits.columns) == [column.name for column in card.columns if column.name in visits.columns]
    for column in card.columns:
        if column.bounds is not None:
            assert visits[column.name].dropna().between(*column.bounds).all(), column.name
        if column.categories:
            assert set(visits[column.name]) == set(column.categories)
        assert visits[column.name].notna().all() or not column.complete


def test_every_person_comes_once_to_forty_times() -> None:
    each = cohort.rows().groupby("person").size()
    assert (each.min(), each.max(), len(each)) == (1, cohort.VISITS_MAX, cohort.PERSONS)
    assert cohort.card().max_rows == cohort.READ


def test_there_is_something_to_find_in_the_cohort() -> None:
    visits = cohort.rows()
    ill, well = visits[visits["case"] == "yes"], visits[visits["case"] == "no"]
    assert ill["value"].mean() > well["value"].mean() + 1.5
    assert visits["value"].isna().mean() > 0.1
    assert visits[["height", "weight"]].corr().iloc[0, 1] > 0.4
    assert ill.groupby("person").size().mean() > well.groupby("person").size().mean() + 4
    assert visits["drug"].value_counts().min() < 4
