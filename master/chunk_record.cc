#include "master/chunk_record.h"

#include <limits>

#include "master/varint.h"

namespace gfs::master {

namespace {

enum Flags : std::uint8_t {
  kVirgin = 1,
  kSalvage = 2,
  kSealed = 4,
  kLength = 8,
  kJoining = 16,
  kLone = 32,
  kSettled = 64,
  kShared = 128,  // or nobody's own
};

void put_servers(std::string& text, const std::vector<ServerId>& servers, ServerSlots& slots) {
  put_varint(text, servers.size());
  for (ServerId server : servers) put_varint(text, slots.slot(server));
}

class ChunkReader {
 public:
  ChunkReader(std::string_view record, const ServerSlots::Ids& servers) : reader_(record), servers_(servers) {}

  std::uint8_t byte() { return reader_.fixed<std::uint8_t>(); }
  std::uint64_t number() { return reader_.varint(); }
  std::uint32_t small(std::string_view what) {
    const std::uint64_t value = reader_.varint();
    if (value > std::numeric_limits<std::uint32_t>::max() && why_.empty()) why_ = fmt::format("{} {}", what, value);
    return static_cast<std::uint32_t>(value);
  }
  ServerId server() {
    const std::uint64_t slot = reader_.varint();
    if (slot < servers_.size()) return servers_[slot];
    if (why_.empty()) why_ = fmt::format("server slot {} of {}", slot, servers_.size());
    return {};
  }
  void servers(std::vector<ServerId>& into) {
    into.clear();
    const std::uint64_t count = reader_.varint();
    if (count > reader_.left()) {  // each needs a byte
      if (why_.empty()) why_ = fmt::format("{} servers in {} bytes", count, reader_.left());
      return;
    }
    into.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) into.push_back(server());
  }
  void flaw(std::string why) {
    if (why_.empty()) why_ = std::move(why);
  }
  Result<> result() const {
    if (reader_.failed()) return fail(Code::malformed, "a chunk record that is cut off");
    if (!why_.empty()) return fail(Code::malformed, "a chunk record with {}", why_);
    if (!reader_.done()) return fail(Code::malformed, "a chunk record with {} bytes behind it", reader_.left());
    return {};
  }

 private:
  ByteReader reader_;
  const ServerSlots::Ids& servers_;
  std::string why_;  // the first thing that is wrong
};

}  // namespace

std::string encode_chunk(const Chunk& chunk, ServerSlots& slots) {
  const Configuration& configuration = chunk.configuration;
  const bool settled =
      configuration.settled == configuration.version && configuration.settled_members == configuration.members;
  unsigned flags = 0;
  if (configuration.virgin) flags |= kVirgin;
  if (configuration.salvage) flags |= kSalvage;
  if (chunk.sealed) flags |= kSealed;
  if (chunk.sealed_length != 0) flags |= kLength;
  if (!configuration.joining.empty()) flags |= kJoining;
  if (!configuration.lone.empty()) flags |= kLone;
  if (!settled) flags |= kSettled;
  const bool shared = chunk.references != 1 || chunk.inode.value == 0;
  if (shared) flags |= kShared;
  std::string text;
  text += static_cast<char>(flags);
  text += static_cast<char>(configuration.ack);
  put_varint(text, chunk.goal);
  put_varint(text, chunk.inode.value);
  put_varint(text, chunk.index);
  put_varint(text, configuration.version.value);
  put_servers(text, configuration.members, slots);
  put_varint(text, slots.slot(configuration.primary));
  if (chunk.sealed_length != 0) put_varint(text, chunk.sealed_length);
  if (!configuration.joining.empty()) put_servers(text, configuration.joining, slots);
  if (!configuration.lone.empty()) put_servers(text, configuration.lone, slots);
  if (!settled) {
    put_varint(text, configuration.settled.value);
    put_servers(text, configuration.settled_members, slots);
  }
  if (shared) {
    put_varint(text, chunk.references);
    put_varint(text, chunk.frozen.value);
  }
  return text;
}

Result<> decode_chunk(std::string_view record, const ServerSlots::Ids& servers, Chunk& chunk) {
  Configuration& configuration = chunk.configuration;
  ChunkReader reader(record, servers);
  const std::uint8_t flags = reader.byte();
  configuration.virgin = (flags & kVirgin) != 0;
  configuration.salvage = (flags & kSalvage) != 0;
  chunk.sealed = (flags & kSealed) != 0;
  configuration.ack = static_cast<bus::AckMode>(reader.byte());
  chunk.goal = reader.small("goal");
  chunk.inode.value = reader.number();
  if (chunk.inode.value == 0 && (flags & kShared) == 0) reader.flaw("no file");
  chunk.index = reader.small("index");
  configuration.version.value = reader.number();
  reader.servers(configuration.members);
  configuration.primary = reader.server();
  chunk.sealed_length = (flags & kLength) != 0 ? reader.number() : 0;
  configuration.joining.clear();
  if ((flags & kJoining) != 0) reader.servers(configuration.joining);
  configuration.lone.clear();
  if ((flags & kLone) != 0) reader.servers(configuration.lone);
  if ((flags & kSettled) != 0) {
    configuration.settled.value = reader.number();
    reader.servers(configuration.settled_members);
  } else {
    configuration.settled = configuration.version;
    configuration.settled_members = configuration.members;
  }
  const bool shared = (flags & kShared) != 0;
  chunk.references = shared ? reader.small("references") : 1;
  chunk.frozen.value = shared ? reader.number() : 0;
  const bool plain = chunk.references == 1 && chunk.inode.value != 0;
  if (chunk.references == 0 || (plain && shared) || (chunk.references > 1) != (chunk.frozen.value > 0))
    reader.flaw("references that make no sense");
  return reader.result();
}

bool is_sealed(std::string_view record) { return (static_cast<std::uint8_t>(record.front()) & kSealed) != 0; }

}  // namespace gfs::master
