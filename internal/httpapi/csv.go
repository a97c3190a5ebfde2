package httpapi

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"firedrill/internal/httpapi/wire"
)

var rankHeader = []string{"rank", "player", "session", "correct", "elapsed_seconds", "wrong", "penalty_seconds", "total_seconds", "at"}

func rankRow(r wire.Rank) []string {
	at := ""
	if !r.At.IsZero() {
		at = r.At.String()
	}
	return []string{
		strconv.Itoa(r.Rank), cell(r.Player), r.Session, strconv.FormatBool(r.Correct), number(r.Elapsed),
		strconv.Itoa(r.Wrong), number(r.Penalty), number(r.Total), at,
	}
}

var seasonHeader = []string{"rank", "player", "solved", "played", "total_seconds", "wrong"}

func seasonRow(r wire.SeasonRank) []string {
	return []string{strconv.Itoa(r.Rank), cell(r.Player), strconv.Itoa(r.Solved), strconv.Itoa(r.Played), number(r.Total), strconv.Itoa(r.Wrong)}
}

// writeCSV writes a table as RFC 4180 has it.
func writeCSV[T any](header []string, list []T, row func(T) []string) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	if err := w.Write(header); err != nil {
		return nil, fmt.Errorf("write CSV: %w", err)
	}
	for _, v := range list {
		if err := w.Write(row(v)); err != nil {
			return nil, fmt.Errorf("write CSV: %w", err)
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

func number(s wire.Seconds) string { return strconv.FormatFloat(float64(s), 'f', -1, 64) }

// cell keeps spreadsheets from taking a login for a formula (owasp.org/www-community/attacks/CSV_Injection).
func cell(text string) string {
	if strings.HasPrefix(text, "=") || strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-") || strings.HasPrefix(text, "@") {
		return "'" + text
	}
	return text
}
