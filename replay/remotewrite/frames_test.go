package remotewrite

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"reflect"
	"strings"
	"testing"
)

// frame encodes data as storage/remote/chunked.go does.
func frame(data []byte) []byte {
	b := binary.AppendUvarint(nil, uint64(len(data)))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
	return append(b, data...)
}

func TestFrames(t *testing.T) {
	long := bytes.Repeat([]byte("abc"), 100_000)
	stream := bytes.Join([][]byte{frame([]byte("one")), frame(nil), frame(long)}, nil)
	fs := newFrames(bytes.NewReader(stream))
	for i, want := range [][]byte{[]byte("one"), nil, long} {
		if got, err := fs.next(); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("frame %d = %d bytes, %v, want %d", i, len(got), err, len(want))
		}
	}
	if _, err := fs.next(); err != io.EOF {
		t.Fatalf("after the last frame: %v, want EOF", err)
	}

	one := frame([]byte("one"))
	flipped := bytes.Clone(one)
	flipped[6] ^= 1
	for _, test := range []struct {
		name   string
		stream []byte
		want   string
		short  bool
	}{
		{"no checksum", one[:3], "frame at byte 0: unexpected EOF", true},
		{"no data", one[:5], "frame at byte 0: unexpected EOF", true},
		{"cut data", append(bytes.Clone(one), one[:6]...), "frame at byte 8: unexpected EOF", true},
		{"length cut", []byte{0x80}, "frame at byte 0: unexpected EOF", true},
		{"flipped", flipped, "frame at byte 0: its checksum is wrong", false},
		{"too long", binary.AppendUvarint(nil, maxFrame+1), "frame at byte 0: it has 50000001 bytes, at most 50000000 are allowed", false},
		{"length overflows", bytes.Repeat([]byte{0xff}, 12), "frame at byte 0: binary: varint overflows a 64-bit integer", false},
	} {
		fs := newFrames(bytes.NewReader(test.stream))
		var err error
		for err == nil {
			_, err = fs.next()
		}
		if !strings.Contains(err.Error(), test.want) || errors.Is(err, io.ErrUnexpectedEOF) != test.short {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
}

// FuzzFrames feeds the parser of streamed answers:
//
//	go test -run '^$' -fuzz FuzzFrames -fuzztime 30s ./replay/remotewrite
func FuzzFrames(f *testing.F) {
	f.Add([]byte{})
	f.Add(frame([]byte("one")))
	f.Add(append(frame([]byte("one")), frame(bytes.Repeat([]byte{0}, 300))...))
	f.Add(frame([]byte("one"))[:4])
	f.Add(binary.AppendUvarint(nil, maxFrame))
	f.Fuzz(func(t *testing.T, stream []byte) {
		if len(stream) > 1<<20 {
			t.Skip()
		}
		parse := func(stream []byte) (all [][]byte) {
			for fs := newFrames(bytes.NewReader(stream)); ; {
				data, err := fs.next()
				if err != nil {
					if data != nil {
						t.Fatal("data with an error")
					}
					return all
				}
				all = append(all, bytes.Clone(data))
			}
		}
		first := parse(stream)
		var printed []byte
		for _, data := range first {
			printed = append(printed, frame(data)...)
		}
		if second := parse(printed); !reflect.DeepEqual(first, second) {
			t.Fatalf("parsed %q, printed and parsed again %q", first, second)
		}
	})
}
