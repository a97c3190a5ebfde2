package flow

type (
	serviceState    struct{}
	operationState  struct{}
	replicaState    struct{}
	dependencyState struct{}
	cacheState      struct{}
	lockState       struct{}
	topicState      struct{}
	groupState      struct{}
	clientState     struct{}
	flowState       struct{ observer Observer }
)
