# SPDX-License-Identifier: MIT
"""The mutants of a header: its text as tokens, and one change of it at a time."""
import re

TOKEN = re.compile(r"""
    (?P<skip>\s+|//[^\n]*|/\*.*?\*/|^[ \t]*\#(?:\\\n|[^\n])*)
  | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)')
  | (?P<number>0[xX][0-9a-fA-F.']+(?:[pP][-+]?\d+)?[uUlLfF]*|(?:\d[\d']*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?[uUlLfF]*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<mark>->|::|<<=|>>=|\.\.\.|&&|\|\||[-+*/%&|^=!<>]=|<<|\+\+|--|.)""", re.X | re.S | re.M)
KEYWORDS = {"return", "if", "for", "while", "switch", "else", "case", "do", "new", "throw", "sizeof", "constexpr", "noexcept"}
COMPARISONS = {"<": ["<=", ">="], ">": [">=", "<="], "<=": ["<", ">"], ">=": [">", "<"], "==": ["!="], "!=": ["=="]}
OPERATORS = {"+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "%": ["/"], "<<": [">>"], ">>": ["<<"], "&&": ["||"],
             "||": ["&&"], "&": ["|"], "|": ["&"], "^": ["|"], "+=": ["-="], "-=": ["+="], "*=": ["/="], "/=": ["*="],
             "|=": ["&="], "&=": ["|="], "<<=": [">>="], ">>=": ["<<="], "++": ["--"], "--": ["++"], **COMPARISONS}
FUNCTIONS = {"sqrt": [], "exp": ["log", "expm1"], "log": ["exp", "log1p"], "expm1_of": ["exp"], "log1p_of": ["log"],
             "expm1": ["exp"], "log1p": ["log"], "absolute": [], "abs": [], "minus_log1p": [], "without_noise": [],
             "cos": ["sin"], "sin": ["cos"], "atan": [], "floor": [], "root": [], "squared_norm": [], "logistic": [],
             "polynomial": [], "cos_half_pi": ["sin_half_pi"], "sin_half_pi": ["cos_half_pi"], "atan_half_pi": []}
# Names that a slip takes for each other, where both are known.
CONFUSED = [group.split() for group in """
s t;s_k t_k;s_span t_span;x_s x_t x_0 x_0_hat;x_t eps x;from to;signal noise;working_signal_squared working_noise_squared
signal_squared_ noise_squared_ log_snr_;signal_squared noise_squared log_snr;alpha_bar noise_variance;x0 xt eps;a_s a_t;n_s n_t
alpha_bar snr sigma;snr log_snr;scale_squared variance transition_variance;scale variance;variance log_variance;mean variance
v_p v_q;p q;mean_p mean_q;first last;first second;front back;at complement;cosh sinh;cos sin;cosh_a cosh_b;a b;a b c;c s
cosine sine;high low;large small;lower upper;start end tau;min_ max_;first_ last_;log_min_ log_ratio_;log_snr_max log_snr_min
beta_first beta_last;beta_min beta_max;beta alpha;conditional unconditional;c u;x y z;x square;x_view y_view;steps n;samples length
k n;k steps;i j;before now;working_beta beta;output target;PosteriorVariance TransitionVariance;quotient rest;digit rest;d0 d1
a0 a1;b0 b1;carry borrow;sum partial;step stride;sigma_min sigma_max;weights means variances;prior denoising reconstruction
""".replace("\n", ";").split(";") if group]
COMMUTATIVE = {"multiply_limbs", "rounded_quotient"}  # in their first two arguments
NEGATED = {"W", "Real", "S", "T", "Working", "Wide", "round_to", "rounded", "array", "exp", "expm1_of", "log1p_of", "minus_log1p"}


class Token:
    def __init__(self, kind, text, start, before, after):
        self.kind, self.text, self.start, self.end = kind, text, start, start + len(text)
        self.before, self.after = before, after  # white space on this side
        self.match = None  # the index of the other bracket
        self.dead = False  # not code that computes


def tokens_of(text):
    found = []
    for m in TOKEN.finditer(text):
        if m.lastgroup == "skip":
            continue
        if m.group() == ">" and found and found[-1].text == ">" and found[-1].before and found[-1].end == m.start():
            found[-1].text, found[-1].end = ">>", m.end()
            found[-1].after = text[m.end():m.end() + 1].isspace()
            continue
        found.append(Token(m.lastgroup, m.group(), m.start(), text[m.start() - 1:m.start()].isspace(),
                           text[m.end():m.end() + 1].isspace()))
    stack = []
    for i, t in enumerate(found):
        last = found[i - 1] if i else t
        angle = t.text == "<" and last.text != "operator" and (
            last.text == "template" or not t.before and (last.kind == "name" or last.text == "]"))
        if t.text in ("(", "[", "{") or angle:
            stack.append(i)
        elif t.text in (")", "]", "}") or t.text == ">" and stack and found[stack[-1]].text == "<":
            t.match = stack.pop()
            found[t.match].match = i
    assert not stack
    return found


class Header:
    """The text of a header and its mutants."""

    def __init__(self, path, text, known):
        self.path, self.text, self.known = path, text, known
        self.t = tokens_of(text)
        self.mark_dead()
        self.mark_items()

    def text_at(self, i):
        return self.t[i].text if 0 <= i < len(self.t) else ""

    def requires_end(self, i):
        j = i + 1
        if self.text_at(j) == "(" and self.text_at(self.t[j].match + 1) == "{":
            j = self.t[j].match + 1
        if self.text_at(j) == "{":
            return self.t[j].match
        while True:
            while self.text_at(j) == "!":
                j += 1
            if self.text_at(j) == "requires":
                j = self.requires_end(j) + 1
            elif self.text_at(j) == "(":
                j = self.t[j].match + 1
            else:
                while self.t[j].kind == "name" and (self.text_at(j + 1) in ("::", "<")):
                    j = self.t[j + 1].match + 1 if self.text_at(j + 1) == "<" else j + 2
                    if self.text_at(j) == "::":
                        j += 1
                    elif self.text_at(j - 1) == ">":
                        j -= 1
                        break
                j += 1
            if self.text_at(j) not in ("&&", "||"):
                return j - 1
            j += 1

    def mark_dead(self):
        for i, t in enumerate(self.t):
            end = None
            if t.text == "template" and self.text_at(i + 1) == "<":
                end = self.t[i + 1].match
            elif t.text == "requires":
                end = self.requires_end(i)
            elif t.text in ("static_assert", "asm") and self.text_at(i + 1) == "(":
                end = self.t[i + 1].match
            elif t.text == "if" and self.text_at(i + 1) == "constexpr":
                end = self.t[i + 2].match  # chooses between types, not values
            elif t.text in ("concept", "using", "enum") or self.guide(i):
                end = i
                while self.text_at(end) != ";":
                    end = (self.t[end].match if self.t[end].match and self.t[end].match > end else end) + 1
            elif t.text == "reserve" and self.text_at(i + 1) == "(":
                end = self.t[i + 1].match  # of speed, not of values
            elif t.text == "operator":
                end = i + 1
            elif t.text == "<" and t.match:
                end = t.match
            for j in range(i, end + 1 if end else i):
                self.t[j].dead = True

    def guide(self, i):
        """Whether a deduction guide begins at the name i."""
        last = self.text_at(i - 1)
        if self.t[i].kind != "name" or self.text_at(i + 1) != "(" or not (
                last in (";", "}") or last == ">" and self.t[i - 1].match and self.text_at(self.t[i - 1].match - 1) == "template"):
            return False
        end = self.t[i + 1].match
        return self.text_at(end + 1) == "->" and self.text_at(end + 2) == self.t[i].text

    def mark_items(self):
        """The names in each function or class, within which names are exchanged."""
        depth, start, spaces = 0, 0, []
        for i, t in enumerate(self.t):
            t.item = start
            if t.text == "{" and self.text_at(i - 1) == "namespace" or t.text == "{" and self.text_at(i - 2) in (
                    "namespace", "::") and self.text_at(i - 1) != ")" and depth == 0:
                spaces.append(t.match)
                start = i + 1
            elif t.text == "{":
                depth += 1
            elif t.text == "}" and i in spaces:
                start = i + 1
            elif t.text == "}":
                depth -= 1
            if depth == 0 and t.text in (";", "}"):
                start = i + 1
        self.items = {}
        for t in self.t:
            if t.kind == "name":
                self.items.setdefault(t.item, set()).add(t.text)

    # Extents of operands

    def postfix_end(self, j):
        while True:
            n = self.t[j + 1] if j + 1 < len(self.t) else None
            if n is None:
                return j
            if n.match and n.match > j and (n.text in ("(", "[") and not n.before or n.text == "<" or
                                            n.text == "{" and not n.before):
                j = n.match
            elif n.text in (".", "->", "::"):
                j += 2
            else:
                return j

    def unary_end(self, i):
        while self.text_at(i) in ("-", "!", "~", "*", "&"):
            i += 1
        return self.postfix_end(self.t[i].match if self.t[i].match and self.t[i].match > i else i)

    def unary_start(self, j):
        while True:
            t = self.t[j]
            if t.match is not None and t.match < j:
                k = t.match
                joined = not self.t[k].before and (self.t[k - 1].kind == "name" and self.text_at(k - 1) not in KEYWORDS or
                                                   self.text_at(k - 1) in (")", "]", "}") or
                                                   self.text_at(k - 1) == ">" and self.t[k - 1].match is not None)
                j = k - 1 if joined else k
                if joined:
                    continue
            if self.text_at(j - 1) in (".", "->", "::"):
                j -= 2
                continue
            while self.text_at(j - 1) in ("-", "!", "~", "*") and not self.t[j - 1].after:
                j -= 1
            return j

    def binary(self, i, marks):
        return self.text_at(i) in marks and self.t[i].before and self.t[i].after and not self.t[i].dead

    def product_end(self, i):
        j = self.unary_end(i)
        while self.binary(j + 1, "*/%"):
            j = self.unary_end(j + 2)
        return j

    def product_start(self, j):
        i = self.unary_start(j)
        while self.binary(i - 1, "*/%"):
            i = self.unary_start(i - 2)
        return i

    def expression_end(self, i):
        while self.text_at(i) not in (",", ";", ")", "}", "]"):
            i = (self.t[i].match if self.t[i].match and self.t[i].match > i else i) + 1
        return i - 1

    def source(self, i, j):
        return self.text[self.t[i].start:self.t[j].end]

    def elements(self, i):
        """First and last tokens of the elements of the list in the brackets that open at i."""
        found, j = [], i + 1
        while j < self.t[i].match:
            end = self.expression_end(j)
            found.append((j, end))
            j = end + 2
        return found

    def declares(self, i):
        """Whether the name at i is declared there."""
        while self.text_at(i - 1) == "," and self.t[i - 2].kind == "name":  # one of several
            i -= 2
        last = self.t[i - 1]
        if last.text == "[":
            return self.text_at(i - 2).startswith("auto")
        return (last.kind == "name" and last.text not in KEYWORDS or last.text in ("&", "*") and not last.before or
                last.text == ">" and last.match is not None)

    def condition_start(self, i):
        """The first token of the condition before the question mark at i."""
        j = i - 1
        while self.text_at(j) not in ("=", "return", "(", ",", "{", ":", "?") or self.t[j].dead:
            j = (self.t[j].match if self.t[j].match is not None and self.t[j].match < j else j) - 1
        return j + 1

    def chooses_operand(self, i):
        """Whether the comparison at i is that of a < b ? a : b, which need not tell equal operands apart."""
        j = i
        while j < len(self.t) and self.text_at(j) not in ("?", ";", ",", ")", "&&", "||"):
            j = (self.t[j].match if self.t[j].match and self.t[j].match > j else j) + 1
        if self.text_at(j) != "?":
            return False
        k = next((k for k in range(j, len(self.t)) if self.text_at(k) == ":" or self.text_at(k) == ";"), j)
        plain = lambda a, b: re.sub(r"\s", "", self.source(a, b))
        return ({plain(self.condition_start(j), i - 1), plain(i + 1, j - 1)} ==
                {plain(j + 1, k - 1), plain(k + 1, self.expression_end(k + 1))})

    def replace(self, i, j, by):
        return self.t[i].start, self.t[j].end, by

    def changes(self):
        for i, t in enumerate(self.t):
            if not t.dead:
                yield from self.changes_at(i, t)

    def changes_at(self, i, t):
        last, text = self.text_at(i - 1), t.text
        if t.kind == "mark":
            if text in OPERATORS and t.before and t.after or text in ("++", "--") and not self.in_for(i):
                for other in OPERATORS[text]:
                    if text + "=" == other and self.chooses_operand(i):
                        continue
                    yield self.replace(i, i, other)
            if self.binary(i, "*/"):
                left, right = self.unary_start(i - 1), self.unary_end(i + 1)
                if not self.binary(left - 1, "*/%"):
                    other = self.source(i + 1, right)
                    yield self.replace(left, right, other if text == "*" else f"{other} / {self.source(left, i - 1)}")
                yield self.replace(i - 1, right, self.text_at(i - 1))
            if self.binary(i, "+-"):
                left, right = self.product_start(i - 1), self.product_end(i + 1)
                if not self.binary(left - 1, "+-"):
                    yield self.replace(left, right, self.source(i + 1, right))
                yield self.replace(i - 1, right, self.text_at(i - 1))
            if text in ("-", "!") and not t.after:
                yield self.replace(i, i, "")
            if text == "?":
                first = self.condition_start(i)
                yield self.replace(first, i - 1, f"!({self.source(first, i - 1)})")
            if text == "[" and not t.before and t.match > i + 1 and not self.declares(i - 1) and (
                    self.t[i - 1].kind == "name" and last != "auto" or last in (")", "]")) and not self.declarator(i):
                inner = self.source(i + 1, t.match - 1)
                if self.t[i + 1].kind != "number" or t.match > i + 2:
                    for sign in "+-":
                        yield self.replace(i + 1, t.match - 1, f"{inner} {sign} 1")
            if text in ("(", "{") and t.match > i + 1:
                yield from self.changes_of_list(i)
            if text == "=":
                yield from self.negated(i + 1)
        elif t.kind == "number":
            if re.search(r"[.]|^\d+[eE]|[pP]", text):
                yield self.replace(i, i, f"(2 * {text})")
            elif not (last == "[" and self.declarator(i - 1)):
                for sign in "+-":
                    yield self.replace(i, i, f"({text} {sign} 1)")
        elif t.kind == "name":
            if text in ("true", "false"):
                yield self.replace(i, i, "false" if text == "true" else "true")
            if text == "return" and "bool" not in self.items[t.item]:
                yield from self.negated(i + 1)
            if text in FUNCTIONS and self.text_at(i + 1) == "(" and not self.declares(i):
                first = i - 2 if last == "::" else i
                yield self.replace(first, i, "")
                for other in FUNCTIONS[text]:
                    yield self.replace(i, i, other)
            if text in ("if", "while") and self.text_at(i + 1) == "(":
                inside = self.t[i + 1].match
                yield self.replace(i + 2, inside - 1, f"!({self.source(i + 2, inside - 1)})")
            if not self.declares(i):
                member = last in (".", "->") or self.text_at(i + 1) == "("
                for group in CONFUSED:
                    if text in group:
                        for other in group:
                            if other != text and other in (self.known if member else self.items[t.item]):
                                yield self.replace(i, i, other)

    def changes_of_list(self, i):
        last, name = self.t[i - 1], self.text_at(i - 1)
        while self.text_at(i) == "(" and last.text == ">" and last.match is not None:
            last = self.t[last.match - 1]
            name = last.text
        call = self.text_at(i) == "(" and last.kind == "name" and name not in KEYWORDS
        braces = self.text_at(i) == "{" and (last.text in ("return", "=", ",", "(", "{", "array") or
                                             last.text == ">" and last.match is not None or last.kind == "name")
        if not (call or braces) or any(t.text == ";" for t in self.t[i:self.t[i].match]):
            return
        parts = self.elements(i)
        if any(self.parameter(a, b) for a, b in parts):
            return
        for (a, b), (c, d) in zip(parts, parts[1:]):
            if self.t[a].kind != "string" and self.t[c].kind != "string" and self.text_at(a) != "." and not (
                    name in COMMUTATIVE and a == i + 1):
                yield self.t[a].start, self.t[d].end, self.source(c, d) + ", " + self.source(a, b)
        for a, b in parts:
            if braces or name in NEGATED:
                yield from self.negated(a)
            if call and a == b and self.text_at(a) in ("k", "i", "j", "n", "t", "step", "steps"):
                for sign in "+-":
                    yield self.replace(a, b, f"{self.text_at(a)} {sign} 1")

    def parameter(self, a, b):
        """Whether an element is the declaration of a parameter."""
        return any(self.t[j].kind == "name" and self.text_at(j) not in KEYWORDS and self.declares(j) and not self.t[j].dead
                   for j in range(a + 1, b + 1)) or self.text_at(a) == "const"

    def declarator(self, i):
        """Whether the bracket at i gives the size of an array."""
        return self.text_at(i - 1) == ")" or self.declares(i - 1)

    def negated(self, i):
        if self.t[i].kind == "string" or self.text_at(i) in ("-", "[", "{", "true", "false", "default", "delete", ";", "*", "0"):
            return
        end = self.expression_end(i)
        if end < i:
            return
        level, j = [], i
        while j <= end:
            level.append(self.text_at(j))
            j = (self.t[j].match if self.t[j].match and self.t[j].match > j else j) + 1
        if end == i + 3 and self.text_at(i + 2) == "0":
            return  # W(0)
        if "?" not in level and any(x in level for x in ("&&", "||", "!", *COMPARISONS)):
            return
        yield self.replace(i, end, f"-({self.source(i, end)})")

    def in_for(self, i):
        depth = 0
        for j in range(i, -1, -1):
            depth += {")": 1, "(": -1}.get(self.text_at(j), 0)
            if depth < 0:
                return self.text_at(j - 1) == "for"
            if self.text_at(j) in ("{", "}"):
                return False
        return False

    def mutants(self):
        seen, count = {re.sub(r"\s", "", self.text)}, {}
        for start, end, by in self.changes():
            plain = re.sub(r"\s", "", self.text[:start] + by + self.text[end:])
            if plain not in seen:
                seen.add(plain)
                yield Mutant(self, start, end, by, count)

    def bodies(self):
        """The first and last characters of the braces around each function body."""
        i, start, found = 0, 0, []
        while i < len(self.t):
            t = self.t[i]
            if t.text == "{":
                kind = self.block(start, i)
                if kind == "scope":
                    start = i + 1
                else:
                    if kind == "function":
                        found.append((t.start, self.t[t.match].start))
                    i = t.match
                    start = start if kind == "value" else i + 1
            elif t.text in (";", "}") or t.text == ":" and self.text_at(i - 1) in ("public", "private", "protected"):
                start = i + 1
            elif t.text == "(" or t.text == "<" and t.match is not None:
                i = t.match
            i += 1
        return found

    def block(self, start, i):
        """What the brace at i opens, in an item that begins at start: a scope, a function, or only a value."""
        top, j = [], start
        while j < i:
            top.append(self.text_at(j))
            j = (self.t[j].match if self.t[j].match and self.t[j].match > j else j) + 1
        if {"namespace", "struct", "class", "union"} & set(top) and "(" not in top:
            return "scope"
        if "enum" in top or "=" in top and "operator" not in top or "(" not in top:
            return "value"
        if ":" in top and "?" not in top and self.t[i - 1].kind == "name" and top[-1] not in ("const", "noexcept"):
            return "value"  # a member in the list of a constructor
        return "function"


class Mutant:
    """One change: the characters [start, end) of the header become `by`."""

    def __init__(self, header, start, end, by, count):
        text = header.text
        first, last = text.rfind("\n", 0, start) + 1, (text + "\n").index("\n", end)
        before = " ".join(text[first:last].split())
        after = " ".join((text[first:start] + by + text[end:last]).split())
        occurrence = count[before, after] = count.get((before, after), 0) + 1
        self.header, self.path, self.start, self.end, self.by = header, header.path, start, end, by
        self.line, self.before, self.after = text.count("\n", 0, start) + 1, before, after
        self.place = self.path if occurrence == 1 else f"{self.path}#{occurrence}"
        self.id = f"{self.place}\n- {before}\n+ {after}"

    def within(self, first, last):
        """The text [first, last) of the header, changed."""
        return self.header.text[first:self.start] + self.by + self.header.text[self.end:last]

    def whole(self):
        return self.within(0, len(self.header.text))

    def __str__(self):
        return f"include/diffusion/{self.path}:{self.line}\n  - {self.before}\n  + {self.after}"
