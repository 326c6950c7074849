"""How well an account of a person fits a demographics query (ITI TF-2 3.21.4.1.2, 3.47.4.1.2, 3.78.4.1.2.1).

Pure, and the same for all wire forms: the degree is 0 where it does not fit, 100 where everything that was
asked for is there in full, and between them the share of the longest part that was only begun.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from gateway.matching.finding import compact, names_of, telecom_key, words_of
from gateway.matching.normalise import StopList, date_digits, postcode_of
from gateway.mpi.query import Criterion, DateRange, DemographicsQuery, Field, NameWanted
from gateway.record.demographics import Demographics, PersonName

Test = Callable[[Demographics], int]
"""One criterion of a query: the degree to which an account meets it."""
FULL = 100
YES, NO = "Y", "N"
_YEAR, _MONTH = 4, 6


def criteria_of(query: DemographicsQuery, dialling: StopList) -> list[Test]:
    """Each criterion as a function that gives the degree of an account."""
    tests: list[Test] = [partial(_names_degree, wanted) for wanted in query.names]
    if query.born:
        tests.append(partial(_born_degree, query.born))
    return tests + [partial(_criterion_degree, each, dialling) for each in query.criteria]


def degree(criteria: Sequence[Test], told: Demographics) -> int:
    """The degree of one account: that of the criterion it fits least."""
    least = FULL
    for test in criteria:
        least = min(least, test(told))
        if not least:
            break
    return least


def person_degree(
    criteria: Sequence[Test], accounts: Sequence[Demographics], golden: Callable[[], Demographics]
) -> int:
    """The degree of the account that fits best, the golden record among them.

    What the golden record says, an account said: where none meets a criterion, it need not be put together.
    """
    if not all(any(test(told) for told in accounts) for test in criteria):
        return 0
    best = max(degree(criteria, told) for told in accounts)
    return best if len(accounts) == 1 else max(best, degree(criteria, golden()))


def begins(wanted: str, text: str) -> int:
    """How much of the text is there in `wanted`, if one of its words begins so; case and marks do not count.

    Words are run together: O'Brien, O Brien and OBrien are one. So are Müller, Mueller and Muller.
    """
    sought, best = compact(wanted), 0
    words = words_of(text) if sought else ()
    for at in range(len(words)):
        joined = ""
        for word in words[at:]:
            joined += word
            if len(joined) >= len(sought):
                break
        if joined.startswith(sought):
            best = max(best, FULL * len(sought) // len(joined))
    return best


# --- names ---------------------------------------------------------------------------------------


def _names_degree(group: Sequence[NameWanted], told: Demographics) -> int:
    return max((_name_degree(each, names_of(told)) for each in group), default=0)


def _name_degree(wanted: NameWanted, names: Iterable[PersonName]) -> int:
    """The degree of the name that fits best; family and given names must stand in one name."""
    compare = _exact_name if wanted.exact else _begun_name
    return max((compare(wanted, each) for each in names), default=0)


def _exact_name(wanted: NameWanted, name: PersonName) -> int:
    if wanted.family and wanted.family != name.family:
        return 0
    whole = " ".join(name.given)
    fits = all(each == whole or (each in name.given and begins(each, whole)) for each in wanted.given)
    return FULL if fits else 0


def _begun_name(wanted: NameWanted, name: PersonName) -> int:
    found = [begins(wanted.family, name.family)] if wanted.family else []
    whole = " ".join(name.given)
    return min([*found, *(begins(each, whole) for each in wanted.given)], default=FULL)


# --- birth date ----------------------------------------------------------------------------------


def born_between(ranges: Iterable[DateRange]) -> tuple[str | None, str | None]:
    """The days between which all ranges lie that are not to be left out; None is open."""
    low: str | None = None
    high: str | None = None
    for each in ranges:
        if each.outside:
            continue
        if each.low is not None:
            low = each.low if low is None else max(low, each.low)
        if each.high is not None:
            high = each.high if high is None else min(high, each.high)
    return low, high


def born_fits(ranges: tuple[DateRange, ...], told: str | None) -> bool:
    """Whether a birth date fits. One whose day is not known must lie within the range with all its days.

    Where the range is open at one end, one possible day is enough.
    """
    if not ranges:
        return True
    digits = date_digits(told or "")
    if not digits:
        return False
    first, last = days_of(digits)
    for each in ranges:
        if each.outside and (each.low or first) <= first and last <= (each.high or last):
            return False
    low, high = born_between(ranges)
    if low is not None and high is not None:
        return low <= first and last <= high
    return (low is None or last >= low) and (high is None or first <= high)


def _born_degree(ranges: tuple[DateRange, ...], told: Demographics) -> int:
    return FULL if born_fits(ranges, told.birth_date) else 0


def days_of(digits: str) -> tuple[str, str]:
    """The first and the last day of YYYYMMDD, YYYYMM or YYYY."""
    if len(digits) == _YEAR:
        return f"{digits}0101", f"{digits}1231"
    if len(digits) == _MONTH:
        year, month = int(digits[:_YEAR]), int(digits[_YEAR:])
        last = monthrange(year, month)[1] if year and 1 <= month <= 12 else 31  # noqa: PLR2004 - months
        return f"{digits}01", f"{digits}{last:02d}"
    return digits, digits


# --- everything else -----------------------------------------------------------------------------


def _criterion_degree(criterion: Criterion, dialling: StopList, told: Demographics) -> int:
    """The degree of the value that fits best."""
    return max((_value_degree(criterion, value, told, dialling) for value in criterion.values), default=0)


def _value_degree(criterion: Criterion, value: str, told: Demographics, dialling: StopList) -> int:
    field = criterion.field
    if field in _CODES:
        return FULL if value and value.upper() == _code(field, told) else 0
    if field is Field.ACCOUNT:
        return FULL if _same_account(value, told.account or "") else 0
    if field is Field.BIRTH_ORDER:
        return FULL if value.lstrip("0") == (told.birth_order or "").lstrip("0") and told.birth_order else 0
    texts = _texts(field, told)
    if criterion.exact:
        return FULL if value and value in texts else 0
    if field is Field.TELECOM:
        key = telecom_key(value, dialling)
        return FULL if value and any(telecom_key(each, dialling) == key for each in texts) else 0
    if field is Field.POSTCODE:
        return max((_begun_code(postcode_of(value), postcode_of(each)) for each in texts), default=0)
    return max((begins(value, each) for each in texts), default=0)


_CODES = frozenset({Field.SEX, Field.MULTIPLE_BIRTH, Field.DECEASED, Field.ACTIVE})


def _code(field: Field, told: Demographics) -> str:
    """The code of a field; empty when nothing is known."""
    if field is Field.SEX:
        return (told.sex or "").upper()
    if field is Field.DECEASED:
        return YES if told.deceased == YES or told.deceased_at else NO
    if field is Field.MULTIPLE_BIRTH:
        return YES if told.birth_order else (told.multiple_birth or "").upper()
    return YES


def _same_account(wanted: str, told: str) -> bool:
    """CX: the number must be equal; of the authority what both say."""
    ours, theirs = wanted.split("^"), told.split("^")
    if not ours[0] or ours[0] != theirs[0]:
        return False
    parts = zip(_authority(ours), _authority(theirs), strict=False)
    said = [(one, other) for one, other in parts if one and other]
    return any(one == other for one, other in said) if said else True


def _authority(parts: list[str]) -> list[str]:
    return parts[3].split("&")[:2] if len(parts) > 3 else []  # noqa: PLR2004 - CX-4


def _begun_code(wanted: str, code: str) -> int:
    return FULL * len(wanted) // len(code) if wanted and code.startswith(wanted) else 0


def _texts(field: Field, told: Demographics) -> list[str]:
    if field is Field.TELECOM:
        return [each.value for each in told.telecoms or ()]
    if field is Field.MOTHERS_MAIDEN_NAME:
        return [told.mothers_maiden_name] if told.mothers_maiden_name else []
    names = _PARTS[field]
    found = [getattr(each, name) for each in told.addresses or () for name in names]
    if field in {Field.STREET, Field.ADDRESS}:
        found += [text for each in told.addresses or () for text in (*each.lines, " ".join(each.lines))]
    return [text for text in found if text]


_PARTS: Mapping[Field, tuple[str, ...]] = MappingProxyType(
    {
        Field.ADDRESS: ("city", "state", "postcode", "country"),
        Field.STREET: (),
        Field.CITY: ("city",),
        Field.STATE: ("state",),
        Field.POSTCODE: ("postcode",),
        Field.COUNTRY: ("country",),
    }
)
