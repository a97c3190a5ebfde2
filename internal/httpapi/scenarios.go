package httpapi

import (
	"time"

	"firedrill/internal/httpapi/wire"
	"firedrill/scenarios"
)

// loadScenarios reads what the list of scenarios shows. It is read once, as the Service does with what it plays; a
// scenario that cannot be read is left out, and logged.
func (a *API) loadScenarios() []scenarios.Scenario {
	var found []scenarios.Scenario
	for _, id := range a.o.Library.IDs() {
		s, err := a.o.Library.Load(id)
		if err != nil {
			a.o.Log.Error("api: a scenario cannot be read", "scenario", id, "err", err)
			continue
		}
		found = append(found, scenarios.Scenario{ID: s.ID, Title: s.Title, Difficulty: s.Difficulty, Timebox: s.Timebox})
	}
	return found
}

func viewScenario(s scenarios.Scenario) wire.ScenarioSummary {
	return wire.ScenarioSummary{ID: s.ID, Title: s.Title, Difficulty: string(s.Difficulty), Timebox: wire.Sec(time.Duration(s.Timebox))}
}
