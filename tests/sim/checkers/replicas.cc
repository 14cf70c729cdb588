#include "tests/sim/checkers/replicas.h"

#include <fmt/format.h>

#include <algorithm>

namespace gfs::sim {

namespace {

constexpr Duration kMoment = 120s;  // until a new version is active

}  // namespace

std::map<std::uint64_t, std::uint64_t> agreed_ranges(const History& history, std::size_t file) {
  std::map<std::uint64_t, int> acknowledged, doubtful;  // borders: +1 where a write begins, -1 where it ends
  std::vector<std::uint64_t> borders;
  for (std::uint64_t id : history.by_file[file]) {
    const WriteOp& op = history.writes[id - 1];
    std::map<std::uint64_t, int>& into = op.fate == Fate::ok ? acknowledged : doubtful;
    ++into[op.offset];
    --into[op.end()];
    borders.push_back(op.offset);
    borders.push_back(op.end());
  }
  std::sort(borders.begin(), borders.end());
  borders.erase(std::unique(borders.begin(), borders.end()), borders.end());
  std::map<std::uint64_t, std::uint64_t> out;
  int sure = 0;
  int unsure = 0;
  for (std::size_t i = 0; i + 1 < borders.size(); ++i) {
    if (auto at = acknowledged.find(borders[i]); at != acknowledged.end()) sure += at->second;
    if (auto at = doubtful.find(borders[i]); at != doubtful.end()) unsure += at->second;
    if (sure <= 0 || unsure > 0) continue;
    if (!out.empty() && out.rbegin()->second == borders[i] && borders[i] % history.chunk_size != 0) {
      out.rbegin()->second = borders[i + 1];
    } else {
      out[borders[i]] = borders[i + 1];
    }
  }
  return out;
}

std::vector<bus::ListChunks::Holder> members_of(const bus::ListChunks::Chunk& chunk) {
  std::vector<bus::ListChunks::Holder> out = chunk.members;
  std::erase_if(out, [](const bus::ListChunks::Holder& holder) { return !holder.member; });
  return out;
}

Task<bus::ReadChunk::Reply> read_member(bus::Endpoint& endpoint, std::string address, bus::ReadChunk ask) {
  const Instant until = endpoint.executor().now() + kMoment;
  while (true) {
    bus::Peer peer = bus::Peer::at(address);
    bus::ReadChunk copy = ask;
    Result<bus::ReadChunk::Reply> reply = co_await endpoint.call(std::move(peer), std::move(copy)).outcome();
    const bool later = !reply && (reply.error().code == Code::unavailable || reply.error().code == Code::stale_version);
    if (!later || endpoint.executor().now() >= until) co_return co_await std::move(reply);
    co_await endpoint.executor().sleep(500ms);
  }
}

Task<> check_replicas(History& history, bus::Endpoint& endpoint, std::size_t file,
                      std::vector<bus::ListChunks::Chunk> chunks) {
  const std::map<std::uint64_t, std::uint64_t> ranges = agreed_ranges(history, file);
  for (const bus::ListChunks::Chunk& chunk : chunks) {
    const std::uint64_t base = chunk.index * history.chunk_size;
    for (const auto& [begin, end] : ranges) {
      std::uint64_t from = std::max(begin, base);
      const std::uint64_t to = std::min(end, base + history.chunk_size);
      for (; from < to; from += std::min<std::uint64_t>(to - from, 1 << 20)) {
        std::string first_name;
        Bytes first;
        for (const bus::ListChunks::Holder& holder : members_of(chunk)) {
          bus::ReadChunk ask;
          ask.handle = chunk.handle;
          ask.version = chunk.version;
          ask.offset = from - base;
          ask.size = std::min<std::uint64_t>(to - from, 1 << 20);
          const std::string where =
              fmt::format("{} chunk {} [{}, {})", data_path(file), chunk.handle, from, from + ask.size);
          const std::uint64_t size = ask.size;
          Result<bus::ReadChunk::Reply> reply =
              co_await read_member(endpoint, holder.address, std::move(ask)).outcome();
          if (!reply) {
            if (holder.state == "ok")
              history.found("replicas", where + " of " + holder.address + ": " + reply.error().text());
            continue;
          }
          if (reply->payload.size() != size) {
            history.found("replicas", fmt::format("{} of {} has {} bytes of {}", where, holder.address,
                                                  reply->payload.size(), size));
          } else if (first_name.empty()) {
            first_name = holder.address;
            first = reply->payload;
          } else if (!(reply->payload == first)) {
            history.found("replicas", where + " differs between " + first_name + " and " + holder.address);
          }
        }
      }
    }
  }
}

}  // namespace gfs::sim
