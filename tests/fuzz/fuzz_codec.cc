// Fuzz target: whatever comes over a socket. The first byte picks the message (or the envelope), the rest is its bytes:
// any bytes give a message or malformed, and a message that decodes is the same after another trip through the codec.
#include <cstdint>
#include <cstdlib>

#include "bus/codec.h"
#include "tests/bus/example_messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gfs;
  using namespace gfs::bus;
  if (size == 0) return 0;
  const Bytes body = Bytes::borrowed(data + 1, size - 1);
  std::uint8_t index = 0;
  each_example_message([&]<class M>(const char*, const M&) {
    if (index++ != data[0]) return;
    Result<M> message = decode<M>(body);
    if (!message) {
      if (message.error().code != Code::malformed) std::abort();
      return;
    }
    const Bytes once = encode(*message);
    Result<M> again = decode<M>(once);
    if (!again || encode(*again) != once) std::abort();
  });
  return 0;
}
