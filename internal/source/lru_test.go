package source

import "testing"

// What was used last is kept, within the bytes that are allowed; a value that is larger alone is kept alone.
func TestLRU(t *testing.T) {
	l := newLRU(100)
	a, b := "a", "b"
	for i := range 4 {
		l.put(slot{a, i}, i, 30)
		l.get(slot{a, 0}) // in use
	}
	kept := func(want ...slot) {
		t.Helper()
		if len(l.slots) != len(want) || l.order.Len() != len(want) {
			t.Errorf("%d values are kept, %d in order, want %v", len(l.slots), l.order.Len(), want)
		}
		for _, s := range want {
			if _, ok := l.get(s); !ok {
				t.Errorf("%v is not kept", s)
			}
		}
	}
	kept(slot{a, 0}, slot{a, 2}, slot{a, 3})
	if l.bytes != 90 {
		t.Errorf("%d bytes, want 90", l.bytes)
	}
	l.put(slot{b, 0}, "large", 1000)
	kept(slot{b, 0})
	l.put(slot{a, 5}, "small", 10)
	kept(slot{a, 5})
	l.put(slot{b, 1}, "other", 10)
	l.forget(a)
	kept(slot{b, 1})
	if v, ok := l.get(slot{b, 1}); !ok || v != "other" || l.bytes != 10 {
		t.Errorf("found %v, %v, %d bytes", v, ok, l.bytes)
	}
}
