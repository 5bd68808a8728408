from kfp_nas.components.plan_rounds import plan_rounds


def test_it_gives_one_tick_for_each_round_of_this_run(tabular_uri: str) -> None:
    assert plan_rounds.python_func(tabular_uri, 0, 2, "run") == ([0, 1], 2)


def test_it_gives_none_while_another_run_is_at_work(tabular_uri: str) -> None:
    plan_rounds.python_func(tabular_uri, 0, 2, "first")

    assert plan_rounds.python_func(tabular_uri, 0, 2, "second") == ([], 0)
