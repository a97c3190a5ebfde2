package semconv

import "firedrill/scenarios/sim/telemetry"

// Messaging is a topic or queue that a process sends to or takes from.
type Messaging struct {
	System      string // kafka, rabbitmq, ...
	Destination string // topic or queue
	Group       string // consumer group, of consumers
	Address     string
	Port        int
}

// Producer sends messages: send in the conventions.
func (s Set) Producer(m Messaging) *Operation {
	return s.messaging(m, "send", Operation{kind: telemetry.KindProducer},
		telemetry.Family{Name: "messaging_client_operation_duration_seconds", Type: telemetry.TypeHistogram, Help: "Duration of messaging operation initiated by a producer or consumer client."},
		telemetry.Family{Name: "messaging_client_sent_messages_total", Type: telemetry.TypeCounter, Help: "Number of messages producer attempted to send to the broker."})
}

// Consumer processes messages: process in the conventions. Its span's parent, or a link of it, is the
// producer's span.
func (s Set) Consumer(m Messaging) *Operation {
	return s.messaging(m, "process", Operation{kind: telemetry.KindConsumer},
		telemetry.Family{Name: "messaging_process_duration_seconds", Type: telemetry.TypeHistogram, Help: "Duration of processing operation."},
		telemetry.Family{Name: "messaging_client_consumed_messages_total", Type: telemetry.TypeCounter, Help: "Number of messages that were delivered to the application."})
}

func (s Set) messaging(m Messaging, operation string, o Operation, duration, messages telemetry.Family) *Operation {
	var f fixed
	f.both("messaging_system", "messaging.system", m.System)
	f.both("messaging_destination_name", "messaging.destination.name", m.Destination)
	f.both("messaging_operation_name", "messaging.operation.name", operation)
	f.span("messaging.operation.type", operation)
	f.both("messaging_consumer_group_name", "messaging.consumer.group.name", m.Group)
	f.both("server_address", "server.address", m.Address)
	f.both("server_port", "server.port", m.Port)
	o.name, o.scope, o.judge = operation+" "+m.Destination, scope(s.Language, m.System), judgeError
	o.messages = func(errorType string) *telemetry.Counter {
		labels := f.labels[:len(f.labels):len(f.labels)]
		if errorType != "" {
			labels = append(labels, "error_type", errorType)
		}
		return s.Group.Counter(messages, labels...)
	}
	buckets := s.Client.buckets(telemetry.DurationBuckets)
	if o.kind == telemetry.KindConsumer {
		buckets = s.served()
	}
	return s.operation(o, f, duration, buckets)
}

// Partition is the partition of a message.
func Partition(id string) telemetry.Attribute {
	return telemetry.String("messaging.destination.partition.id", id)
}

// Offset is the offset of a Kafka message.
func Offset(n int) telemetry.Attribute { return telemetry.Int("messaging.kafka.offset", n) }

// MessageID names a message.
func MessageID(id string) telemetry.Attribute { return telemetry.String("messaging.message.id", id) }
