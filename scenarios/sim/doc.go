// Package sim turns a system and what breaks it into a recording: it wires the request path (package flow), the
// cluster below it (package platform) and the instrumentation that such a system carries (package telemetry).
package sim
