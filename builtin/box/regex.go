//go:build linux

package main

import (
	"errors"
	"regexp"
	"strings"
)

// compilePosix compiles a POSIX regular expression, basic or extended, with GNU's additions. Its matches are the longest ones,
// as POSIX says. Back references inside an expression are not supported: Go's regexp promises linear time.
func compilePosix(expr string, extended, fold, multiline bool) (*regexp.Regexp, error) {
	flags := ""
	if fold {
		flags += "i"
	}
	if multiline {
		flags += "m"
	}
	text := posixToGo(expr, extended)
	if flags != "" {
		text = "(?" + flags + ")" + text
	}
	re, err := regexp.Compile(text)
	if err != nil {
		if strings.Contains(expr, `\1`) {
			return nil, errors.New("back references in an expression are not supported")
		}
		return nil, errors.New("invalid regular expression: " + expr)
	}
	re.Longest()
	return re, nil
}

// posixToGo rewrites a POSIX expression for package regexp.
func posixToGo(expr string, extended bool) string {
	var b strings.Builder
	start := true // where * is a plain star and, in a basic expression, ^ an anchor
	for i := 0; i < len(expr); i++ {
		c := expr[i]
		wasStart := start
		start = false
		switch {
		case c == '\\' && i+1 < len(expr):
			i++
			c = expr[i]
			switch {
			case !extended && strings.IndexByte("(){}|+?", c) >= 0:
				start = c == '(' || c == '|'
				b.WriteByte(c)
			case c == '<' || c == '>':
				b.WriteString(`\b`)
			case c == '`':
				b.WriteString(`\A`)
			case c == '\'':
				b.WriteString(`\z`)
			case strings.IndexByte("wWsSbBntrfv", c) >= 0 || '1' <= c && c <= '9':
				b.WriteString(`\` + string(c))
			default:
				b.WriteString(regexp.QuoteMeta(string(c)))
			}
		case c == '[':
			n := bracket(expr[i:], &b)
			i += n - 1
		case c == '*' && wasStart && !extended:
			b.WriteString(`\*`)
		case !extended && strings.IndexByte("(){}|+?", c) >= 0:
			b.WriteString(`\` + string(c))
		case !extended && c == '^' && !wasStart, !extended && c == '$' && !endsBasic(expr[i+1:]):
			b.WriteString(`\` + string(c))
		case extended && c == '{' && (i+1 == len(expr) || expr[i+1] < '0' || expr[i+1] > '9'):
			b.WriteString(`\{`)
		default:
			start = c == '^' || extended && (c == '(' || c == '|')
			b.WriteByte(c)
		}
	}
	return b.String()
}

func endsBasic(rest string) bool {
	return rest == "" || strings.HasPrefix(rest, `\)`) || strings.HasPrefix(rest, `\|`)
}

// bracket rewrites a bracket expression, in which POSIX's backslash is a plain one, and answers how long it was.
func bracket(expr string, b *strings.Builder) int {
	i := 1
	b.WriteByte('[')
	if i < len(expr) && expr[i] == '^' {
		b.WriteByte('^')
		i++
	}
	for first := true; i < len(expr); first = false {
		switch c := expr[i]; {
		case c == ']' && !first:
			b.WriteByte(']')
			return i + 1
		case c == '[' && i+1 < len(expr) && strings.IndexByte(":.=", expr[i+1]) >= 0:
			if end := strings.Index(expr[i+2:], expr[i+1:i+2]+"]"); end >= 0 {
				if expr[i+1] == ':' {
					b.WriteString(expr[i : i+2+end+2])
				} else {
					b.WriteString(regexp.QuoteMeta(expr[i+2 : i+2+end]))
				}
				i += 2 + end + 2
				continue
			}
			b.WriteString(`\[`)
		case c == '\\' && i+1 < len(expr) && strings.IndexByte("ntrfv", expr[i+1]) >= 0:
			b.WriteString(expr[i : i+2])
			i++
		case c == '\\' && i+1 < len(expr) && expr[i+1] == ']': // what people mean by it
			b.WriteString(`\\`)
		case c == '[' || c == ']' || c == '\\' || c == '&' || c == '~':
			b.WriteString(`\` + string(c))
		default:
			b.WriteByte(c)
		}
		i++
	}
	return i // not closed: the compiler says so
}

// unescape reads backslash escapes: \n, \t, \0NNN, \xHH and so on.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch c := s[i]; c {
		case 'n', 't', 'r', 'a', 'b', 'f', 'v', '\\':
			b.WriteByte(map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 'a': 7, 'b': 8, 'f': 12, 'v': 11, '\\': '\\'}[c])
		case '0', '1', '2', '3', '4', '5', '6', '7':
			n, j := 0, i
			for j < len(s) && j < i+3 && s[j] >= '0' && s[j] <= '7' {
				n = n*8 + int(s[j]-'0')
				j++
			}
			b.WriteByte(byte(n))
			i = j - 1
		case 'x':
			n, j := 0, i+1
			for j < len(s) && j < i+3 && hexDigit(s[j]) >= 0 {
				n = n*16 + hexDigit(s[j])
				j++
			}
			if j == i+1 {
				b.WriteString(`\x`)
			} else {
				b.WriteByte(byte(n))
			}
			i = j - 1
		default:
			b.WriteString(`\` + string(c))
		}
	}
	return b.String()
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
