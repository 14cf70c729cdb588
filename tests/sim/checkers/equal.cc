#include "tests/sim/checkers/equal.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/checkers/replicas.h"

namespace gfs::sim {

namespace {

const std::string kName = "replicas";
constexpr Duration kInspection = 60s;

// What keeps the chunk from being whole; empty: nothing.
std::string missing(const bus::ListChunks::Chunk& chunk, std::size_t goal) {
  std::string out;
  const std::vector<bus::ListChunks::Holder> members = members_of(chunk);
  for (const bus::ListChunks::Holder& member : members) {
    if (member.state != "ok") out += fmt::format(" {} is {}", member.address, member.state);
  }
  if (members.size() < goal) out += fmt::format(" it has {} members of {}", members.size(), goal);
  if (out.empty()) return out;
  return fmt::format("version {}:{}", chunk.version, out);
}

// Two members' words for the same chunk; empty: they are the same.
std::string difference(const bus::InspectChunk::Reply& one, const bus::InspectChunk::Reply& other) {
  if (one.version != other.version) return fmt::format("version {} and {}", one.version, other.version);
  if (one.serial != other.serial) return fmt::format("serial {} and {}", one.serial, other.serial);
  if (one.length != other.length) return fmt::format("length {} and {}", one.length, other.length);
  if (one.sealed != other.sealed) return "one is sealed, one is not";
  if (one.records_digest != other.records_digest) {
    return fmt::format("append records {:08x} and {:08x}", one.records_digest, other.records_digest);
  }
  for (std::size_t i = 0; i < std::min(one.checksums.size(), other.checksums.size()); ++i) {
    if (one.checksums[i] != other.checksums[i]) return fmt::format("block {}", i);
  }
  for (std::size_t i = 0; i < std::min(one.hashes.size(), other.hashes.size()); ++i) {
    if (one.hashes[i] != other.hashes[i]) return fmt::format("block {}, though its checksum is the same", i);
  }
  return one.checksums.size() == other.checksums.size() ? "" : "the number of blocks";
}

struct Inspected {
  std::string address;
  Result<bus::InspectChunk::Reply> reply;
};

Task<std::vector<Inspected>> inspect(bus::Endpoint& endpoint, const bus::ListChunks::Chunk& chunk) {
  std::vector<Inspected> out;
  for (const bus::ListChunks::Holder& member : members_of(chunk)) {
    bus::InspectChunk ask;
    ask.handle = chunk.handle;
    ask.verify = true;
    bus::CallOptions options;
    options.deadline = kInspection;
    bus::Peer peer = bus::Peer::at(member.address);
    out.push_back({member.address, co_await endpoint.call(std::move(peer), std::move(ask), options).outcome()});
  }
  co_return out;
}

// Nobody ever wrote to it: its first writer will get it into shape.
bool untouched(const std::vector<Inspected>& members) {
  return std::all_of(members.begin(), members.end(), [](const Inspected& one) {
    if (!one.reply) return one.reply.error().code == Code::not_found;
    return one.reply->length == 0 && one.reply->serial.value == 0;
  });
}

// Who does not hold the version that the master gave; empty: nobody.
std::string inactive(const std::vector<Inspected>& members, const bus::ListChunks::Chunk& chunk) {
  for (const auto& [address, reply] : members) {
    if (!reply || reply->version == chunk.version) continue;
    return fmt::format("version {}: {} holds version {}", chunk.version, address, reply->version);
  }
  return {};
}

// What is wrong with the members; empty: nothing.
std::string compare(const std::vector<Inspected>& members) {
  const Inspected* first = nullptr;
  for (const Inspected& one : members) {
    if (!one.reply) return one.address + " cannot be inspected: " + one.reply.error().text();
    if (!one.reply->bad.empty()) return fmt::format("{}: block {} does not verify", one.address, one.reply->bad[0]);
    if (one.reply->suspect || one.reply->damaged) return one.address + " says it is suspect or damaged";
    if (first == nullptr) first = &one;
    std::string differs = difference(*first->reply, *one.reply);
    if (!differs.empty()) return fmt::format("{} differs from {}: {}", one.address, first->address, differs);
  }
  return {};
}

}  // namespace

Task<> check_equal(History& history, Executor& executor, client::Filesystem& filesystem, bus::Endpoint& endpoint,
                   std::string path) {
  const Instant until = executor.now() + kWholeAgain;
  client::FileInfo info = co_await filesystem.stat(path);
  while (true) {
    std::string not_whole;
    std::vector<bus::ListChunks::Chunk> chunks = co_await filesystem.chunks(path);
    for (const bus::ListChunks::Chunk& chunk : chunks) {
      std::vector<Inspected> members = co_await inspect(endpoint, chunk);
      if (untouched(members)) continue;
      not_whole = missing(chunk, info.replicas);
      if (not_whole.empty()) not_whole = inactive(members, chunk);
      // An order may still be on its way, or be given again.
      if (not_whole.empty()) not_whole = compare(members);
      if (!not_whole.empty()) not_whole = fmt::format("chunk {}: {}", chunk.handle, not_whole);
      if (!not_whole.empty()) break;
    }
    if (not_whole.empty()) co_return;
    if (executor.now() >= until) {
      history.found(kName, fmt::format("{} is not whole and equal {:.0f} s after the calm: {}", path,
                                       to_seconds(kWholeAgain), not_whole));
      co_return;
    }
    co_await executor.sleep(1s);
  }
}

}  // namespace gfs::sim
