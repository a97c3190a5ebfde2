// Package e2e holds the tests that need the whole of Firedrill and the real back ends: replays of a real
// incident compared with its source files item by item, and replays in which a server or firedrill
// itself is killed.
package e2e
