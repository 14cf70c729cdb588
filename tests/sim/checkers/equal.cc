#include "tests/sim/checkers/equal.h"

#include <fmt/format.h>

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
  return fmt::format("chunk {} version {}:{}", chunk.handle, chunk.version, out);
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

Task<> compare(History& history, bus::Endpoint& endpoint, std::string path, bus::ListChunks::Chunk chunk) {
  std::string first_name;
  bus::InspectChunk::Reply first;
  for (const bus::ListChunks::Holder& member : members_of(chunk)) {
    const std::string where = fmt::format("{} chunk {} of {}", path, chunk.handle, member.address);
    bus::InspectChunk ask;
    ask.handle = chunk.handle;
    ask.verify = true;
    bus::CallOptions options;
    options.deadline = kInspection;
    bus::Peer peer = bus::Peer::at(member.address);
    Result<bus::InspectChunk::Reply> reply = co_await endpoint.call(std::move(peer), std::move(ask), options).outcome();
    if (!reply) {
      history.found(kName, where + " cannot be inspected: " + reply.error().text());
      continue;
    }
    if (!reply->bad.empty()) history.found(kName, fmt::format("{}: block {} does not verify", where, reply->bad[0]));
    if (reply->suspect || reply->damaged) history.found(kName, where + " says it is suspect or damaged");
    if (first_name.empty()) {
      first_name = member.address;
      first = std::move(*reply);
    } else if (std::string differs = difference(first, *reply); !differs.empty()) {
      history.found(kName, fmt::format("{} differs from {}: {}", where, first_name, differs));
    }
  }
}

}  // namespace

Task<> check_equal(History& history, Executor& executor, client::Filesystem& filesystem, bus::Endpoint& endpoint,
                   std::string path) {
  const Instant until = executor.now() + kWholeAgain;
  client::FileInfo info = co_await filesystem.stat(path);
  std::vector<bus::ListChunks::Chunk> chunks;
  while (true) {
    chunks = co_await filesystem.chunks(path);
    std::string not_whole;
    for (const bus::ListChunks::Chunk& chunk : chunks) {
      if (not_whole.empty()) not_whole = missing(chunk, info.replicas);
    }
    if (not_whole.empty()) break;
    if (executor.now() >= until) {
      history.found(kName, fmt::format("{} is not whole again {:.0f} s after the calm: {}", path,
                                       to_seconds(kWholeAgain), not_whole));
      co_return;
    }
    co_await executor.sleep(1s);
  }
  for (bus::ListChunks::Chunk& chunk : chunks) co_await compare(history, endpoint, path, std::move(chunk));
}

}  // namespace gfs::sim
