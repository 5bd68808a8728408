import pytest
from hypothesis import given
from hypothesis import strategies as st
from parallel import VOCABULARY, pairs

from nas_lib.data.subwords import BEGIN, END, PAD, UNKNOWN, Subwords
from nas_lib.errors import CorruptStateError, DataError

SENTENCES = [sentence for pair in pairs(200) for sentence in pair]
SUBWORDS = Subwords.trained(SENTENCES, size=VOCABULARY, where="toy")

any_sentence = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\u2581")  # sentencepiece's own blank
)


@given(any_sentence)
def test_a_sentence_comes_back_but_for_superfluous_blanks(sentence: str) -> None:
    (numbers,) = SUBWORDS.encode([sentence])
    assert SUBWORDS.decode(numbers) == " ".join(filter(None, sentence.split(" ")))


@given(any_sentence)
def test_nothing_is_unknown_and_no_sentence_has_a_mark_in_it(sentence: str) -> None:
    (numbers,) = SUBWORDS.encode([sentence])
    assert {PAD, UNKNOWN, BEGIN, END}.isdisjoint(numbers)
    assert all(number < len(SUBWORDS) for number in numbers)


def test_marks_say_nothing() -> None:
    (numbers,) = SUBWORDS.encode(["ena dov"])
    assert SUBWORDS.decode([BEGIN, *numbers, END, PAD, PAD]) == "ena dov"


def test_it_has_as_many_as_were_asked_for_with_frequent_words_whole() -> None:
    assert len(SUBWORDS) == len(SUBWORDS.pieces) == VOCABULARY
    assert SUBWORDS.pieces[END + 1] == "<0x00>"
    assert "\u2581okt" in SUBWORDS.pieces


def test_the_same_sentences_give_the_same_bytes_and_these_the_same_numbers() -> None:
    again = Subwords.trained(iter(SENTENCES), size=VOCABULARY, where="toy")
    assert again.data == SUBWORDS.data
    assert Subwords(again.data).encode(SENTENCES) == SUBWORDS.encode(SENTENCES)


@pytest.mark.parametrize(
    ("sentences", "size", "message"),
    [
        (SENTENCES, 4000, r"got one that has no more than 3\d\d: set task.vocabulary to that or"),
        (SENTENCES, 270, r"characters take 28\d, the 256 bytes among them: set task.vocabulary to"),
        ([], 330, "got one that sentencepiece refuses"),
    ],
)
def test_a_vocabulary_that_cannot_be_is_refused(
    sentences: list[str], size: int, message: str
) -> None:
    with pytest.raises(DataError, match=f"^toy: expected text .*{message}"):
        Subwords.trained(sentences, size=size, where="toy")


@pytest.mark.parametrize("data", [b"", b"no vocabulary", SUBWORDS.data[:-7]])
def test_what_is_no_vocabulary_is_refused(data: bytes) -> None:
    with pytest.raises(CorruptStateError, match="expected a vocabulary of sentencepiece, got"):
        Subwords(data)
