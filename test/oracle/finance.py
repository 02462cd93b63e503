"""Random questions of finance, and what the answers must be.

	finance.py slow|quantlib SEED N CALENDARS

writes N questions for each of day_count and interest, and as many for late, as
lines for COPY; see 120_finance.pl for the columns. CALENDARS is a file with a
name and days between commas in each line.

"slow" goes day by day, by quotients of whole numbers, and by decimals with 100
digits where there is a power. "quantlib" asks QuantLib, which computes in double
precision; it knows nothing of late(). It gives exchanged dates other counts than
we do in the kinds of 30/360 and in BUS/252, so it is asked for the dates in order,
and the sign is changed.
"""
import datetime
import decimal
import random
import sys
from fractions import Fraction

decimal.setcontext(decimal.Context(prec=100, Emax=decimal.MAX_EMAX, Emin=decimal.MIN_EMIN))
DAY = datetime.timedelta(1)
FIRST, LAST = datetime.date(1900, 1, 1), datetime.date(2199, 12, 31)
CONVENTIONS = ['ACT/360', 'ACT/365F', 'ACT/ACT ISDA', '30/360', '30E/360', '30E/360 ISDA', '30/360 US', 'BUS/252']
ROUNDINGS = ['half_up', 'half_even', 'half_down', 'up', 'down', 'ceiling', 'floor']


def is_leap(y):
    return y % 4 == 0 and (y % 100 != 0 or y % 400 == 0)


class Calendar:
    """Days, day by day, and how many of them came before each."""

    def __init__(self, holidays):
        self.holidays = set(holidays)
        self.business, self.leap = [0], [0]
        day = FIRST
        while day <= LAST:
            self.business.append(self.business[-1] + self.is_business(day))
            self.leap.append(self.leap[-1] + is_leap(day.year))
            day += DAY

    def is_business(self, day):
        return day.isoweekday() < 6 and day not in self.holidays


def before(counts, d1, d2):
    return counts[(d2 - FIRST).days] - counts[(d1 - FIRST).days]


def thirty(d1, d2, convention, termination):
    a, b = d1.day, d2.day
    a_ends = d1.month == 2 and (d1 + DAY).month == 3
    b_ends = d2.month == 2 and (d2 + DAY).month == 3
    if convention == '30/360':
        a = min(a, 30)
        b = 30 if b == 31 and a == 30 else b
    elif convention == '30E/360':
        a, b = min(a, 30), min(b, 30)
    elif convention == '30E/360 ISDA':
        a = 30 if a == 31 or a_ends else a
        b = 30 if b == 31 or b_ends and d2 != termination else b
    else:
        if a_ends and b_ends:
            b = 30
        if a_ends:
            a = 30
        if b == 31 and a >= 30:
            b = 30
        a = min(a, 30)
    return 360 * (d2.year - d1.year) + 30 * (d2.month - d1.month) + b - a


def duration(d1, d2, convention, termination, calendar):
    """Days and years."""
    if d1 > d2:
        days, years = duration(d2, d1, convention, termination, calendar)
        return -days, -years
    days = (d2 - d1).days
    if convention == 'ACT/360':
        return days, Fraction(days, 360)
    if convention == 'ACT/365F':
        return days, Fraction(days, 365)
    if convention == 'ACT/ACT ISDA':
        leap = before(calendar.leap, d1, d2)
        return days, Fraction(leap, 366) + Fraction(days - leap, 365)
    if convention == 'BUS/252':
        days = before(calendar.business, d1, d2)
        return days, Fraction(days, 252)
    days = thirty(d1, d2, convention, termination)
    return days, Fraction(days, 360)


def exactly(x):
    return decimal.Decimal(x.numerator) / x.denominator


def interest(principal, rate, years, compounding, frequency):
    """What is owed, as a fraction."""
    if compounding == 'simple':
        return principal * rate * years
    if compounding == 'continuous':
        return principal * (Fraction(exactly(rate * years).exp()) - 1)
    base, power = 1 + rate / frequency, years * frequency
    if power.denominator == 1 and abs(power) <= 200:
        return principal * (base ** int(power) - 1)
    return principal * (Fraction((exactly(base).ln() * exactly(power)).exp()) - 1)


def rounded(x, scale, mode):
    unit = Fraction(10) ** -scale
    q, rest = divmod(abs(x) / unit, 1)
    up = {'half_up': rest >= Fraction(1, 2), 'half_down': rest > Fraction(1, 2),
          'half_even': rest > Fraction(1, 2) or rest == Fraction(1, 2) and q % 2 == 1,
          'up': rest > 0, 'down': False, 'ceiling': rest > 0 and x > 0, 'floor': rest > 0 and x < 0}[mode]
    return (q + up) * unit * (1 if x >= 0 else -1)


def has_end(x):
    d = x.denominator
    for p in (2, 5):
        while d % p == 0:
            d //= p
    return d == 1


def text(x):
    """A fraction, all of its digits if that has an end."""
    if x is None:
        return '\\N'
    if isinstance(x, Fraction):
        with decimal.localcontext() as context:
            context.prec = 1000 if has_end(x) else 60
            return format(decimal.Decimal(x.numerator) / x.denominator, 'f')
    return str(x)


def put(*columns):
    print('\t'.join(text(c) for c in columns))


class Random(random.Random):
    last = LAST

    def date(self, first=FIRST, last=None):
        last = last or self.last
        day = first + DAY * self.randint(0, (last - first).days)
        kind = self.random()
        if kind < 0.2:  # ends of months, of February above all
            day = datetime.date(day.year, 3 if self.random() < 0.5 else day.month, 1)
            return max(first, day - DAY)
        return day

    def span(self, first):
        """Two dates, near or far, in any order; of whole years or months now and then."""
        d1 = self.date(first)
        kind = self.random()
        if kind < 0.15 and first.year < d1.year < self.last.year - 9:
            return d1, datetime.date(d1.year + self.randint(1, 9), d1.month, min(d1.day, 28))
        far = self.choice([2, 40, 800, 20000, 200000])
        d2 = d1 + DAY * self.randint(-far, far) if far < 20000 else self.date(first)
        return d1, min(max(d2, first), self.last)

    def decimal(self, low, high, scale):
        return Fraction(self.randint(int(low * 10 ** scale), int(high * 10 ** scale)), 10 ** scale)

    def rate(self):
        return self.decimal(-0.3, 0.6, self.randint(1, 6))


def durations(n, rnd, first, calendars, duration):
    for i in range(n):
        d1, d2 = rnd.span(first)
        convention, calendar = rnd.choice(CONVENTIONS), rnd.choice(list(calendars))
        if i % 50 == 25:  # where 30/360 and 30E/360 differ
            d1, d2, convention = min(d1, d2), max(d1, d2).replace(month=12, day=31), '30/360'
            d1 = d1.replace(day=min(d1.day, 28))
        termination = rnd.choice([None, d1, d2, rnd.date(first)])
        days, years = duration(d1, d2, convention, termination, calendars[calendar])
        if i % 50 == 0:
            d1, d2 = rnd.choice([(None, d2), (d1, None), (None, None)])
            days = years = None
        yield d1, d2, convention, termination, calendar, days, years


def slow_interests(n, rnd, calendars):
    for d1, d2, convention, termination, calendar, days, years in durations(n, rnd, FIRST, calendars, duration):
        principal, rate = rnd.decimal(-1e3, 1e9, rnd.randint(0, 4)), rnd.rate()
        compounding, frequency = rnd.choice(['simple', 'compounded', 'continuous']), rnd.choice([1, 1, 2, 4, 12, 252, 365])
        if rnd.random() < 0.1:  # ties
            principal, rate, compounding = rnd.decimal(-100, 100, 3), Fraction(1, 2), 'simple'
        if years is None:
            owed = exact = None
        else:
            owed = interest(principal, rate, years, compounding, frequency)
            exact = has_end(owed) and (compounding == 'simple' or owed == 0)
        scale, mode = rnd.randint(-2, 6), rnd.choice(ROUNDINGS)
        num, den = (None, None) if years is None else (years.numerator, years.denominator)
        put('interest', d1, d2, convention, termination, calendar, days, num, den,
            principal, rate, compounding, frequency, scale, mode, owed, owed if owed is None else rounded(owed, scale, mode),
            '0' if exact else '1e-15' if compounding == 'simple' else '1e-17')


def slow_lates(n, rnd, calendars):
    for _ in range(n):
        amount = rnd.decimal(0, 9999, rnd.randint(0, 3))
        due = rnd.date(FIRST, datetime.date(2190, 1, 1))
        paid = max(FIRST, due + DAY * rnd.randint(-5, rnd.choice([10, 100, 1000])))
        fine, mora = rnd.decimal(0, 0.1, 3), rnd.decimal(0, 0.05, 4)
        basis = rnd.choice(['30', '30'] + CONVENTIONS)
        remuneratory, years_by = rnd.choice([Fraction(0), rnd.decimal(0, 2, 4)]), rnd.choice(CONVENTIONS)
        grace, cap = rnd.choice([0, 0, 3, 10]), rnd.choice([None, None, Fraction(1), rnd.decimal(0, 0.2, 3)])
        scale, mode, name = rnd.choice([2, 2, 0, 4]), rnd.choice(ROUNDINGS), rnd.choice(list(calendars))
        calendar = calendars[name]
        last = due
        while calendar.holidays and not calendar.is_business(last):
            last += DAY
        days = (paid - due).days if paid > last + DAY * grace else 0
        charges = [Fraction(0)] * 3
        if days > 0:
            months = Fraction(days, 30) if basis == '30' else 12 * duration(due, paid, basis, None, calendar)[1]
            years = duration(due, paid, years_by, None, calendar)[1]
            charges = [rounded(x, scale, mode) for x in
                       (amount * fine, amount * mora * months, interest(amount, remuneratory, years, 'compounded', 1))]
            left = sum(charges) if cap is None else rounded(amount * cap, scale, 'down')
            for i in range(3):
                charges[i] = min(charges[i], left)
                left -= charges[i]
        put('late', amount, due, paid, fine, mora, basis, remuneratory, years_by, grace, cap, scale, mode, name,
            days, *charges, amount + sum(charges))


def main_slow(seed, n, calendars):
    rnd = Random(seed)
    slow_interests(n, rnd, calendars)
    slow_lates(n, rnd, calendars)


def main_quantlib(seed, n, calendars):
    import QuantLib as ql
    rnd = Random(seed)
    rnd.last = datetime.date(2198, 12, 31)  # it asks for the next year, and has none after 2199

    def ql_date(day):
        return ql.Date(day.day, day.month, day.year)

    def ql_calendar(calendar):
        made = ql.BespokeCalendar('%d' % id(calendar))
        for weekday in (ql.Saturday, ql.Sunday):
            made.addWeekend(weekday)
        for day in calendar.holidays:
            if day.year > 1900:  # QuantLib's first year is 1901
                made.addHoliday(ql_date(day))
        return made

    kinds = {'ACT/360': ql.Actual360(), 'ACT/365F': ql.Actual365Fixed(), 'ACT/ACT ISDA': ql.ActualActual(ql.ActualActual.ISDA),
             '30/360': ql.Thirty360(ql.Thirty360.BondBasis), '30E/360': ql.Thirty360(ql.Thirty360.EurobondBasis),
             '30/360 US': ql.Thirty360(ql.Thirty360.USA)}
    counters = {name: ql.Business252(ql_calendar(calendar)) for name, calendar in calendars.items()}
    counters['BR-bank'] = ql.Business252(ql.Brazil())
    compoundings = {'simple': ql.Simple, 'compounded': ql.Compounded, 'continuous': ql.Continuous}
    # 1.29 looks for the 31st before it makes 30 of the end of February; later versions do not.
    late_february = kinds['30/360 US'].dayCount(ql.Date(28, 2, 2007), ql.Date(31, 8, 2007)) == 181

    def counted(d1, d2, convention, termination, calendar):
        counter = kinds.get(convention) or (
            calendar if convention == 'BUS/252' else
            ql.Thirty360(ql.Thirty360.ISDA, ql_date(termination) if termination else ql.Date()))
        low, high, sign = (d1, d2, 1) if d1 <= d2 else (d2, d1, -1)
        days, years = counter.dayCount(ql_date(low), ql_date(high)), counter.yearFraction(ql_date(low), ql_date(high))
        if late_february and convention == '30/360 US' and low.month == 2 and (low + DAY).month == 3 and high.day == 31:
            days, years = days - 1, (days - 1) / 360
        return sign * days, sign * years

    # QuantLib's Brazil as this version has it is compared by itself.
    for d1, d2, convention, termination, calendar, days, years in durations(n, rnd, datetime.date(1901, 1, 1), counters, counted):
        principal, rate = rnd.decimal(1, 1e6, 2), rnd.decimal(-0.05, 0.3, rnd.randint(1, 4))
        compounding, frequency = rnd.choice(list(compoundings)), rnd.choice([1, 2, 4, 12])
        owed = None
        if days is not None:
            factor = ql.InterestRate(float(rate), ql.Actual360(), compoundings[compounding], frequency).compoundFactor(abs(years))
            # Back in time a factor is its own inverse, but for simple interest.
            factor = factor if years >= 0 else 2 - factor if compounding == 'simple' else 1 / factor
            owed = '%r' % (float(principal) * factor)
        put('quantlib', d1, d2, convention, termination, calendar, days, None if years is None else '%r' % years,
            principal, rate, compounding, frequency, owed)
    for day in ql.Brazil(ql.Brazil.Settlement).holidayList(ql.Date(1, 1, 2003), ql.Date(31, 12, 2199), False):
        put('brazil', day.ISO())


def main():
    kind, seed, n, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    calendars = {}
    for line in open(path):
        name, days = line.rstrip('\n').split('\t')
        calendars[name] = Calendar(datetime.date.fromisoformat(d) for d in days.split(',') if d)
    (main_slow if kind == 'slow' else main_quantlib)(seed, n, calendars)


main()
