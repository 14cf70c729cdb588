#include "tests/sim/checkers/collection.h"

#include <fmt/format.h>

#include <algorithm>

#include "master/op.h"
#include "tests/sim/cluster.h"
#include "tests/sim/master_log.h"

namespace gfs::sim {

namespace {

// Calls after(index) behind each entry of the log.
template <class After>
void replay(const SimDisk& master, master::MasterState& state, After after) {
  for (const master::LogRecord& record : master_log(master)) {
    Result<master::Op> op = master::decode_op(record.op);
    if (!op) continue;  // a mark: nothing happened
    state.apply(*op, record.header.index);
    after(record.header.index);
  }
}

// Of no use to anybody, whatever may come.
bool is_garbage(const master::MasterState& state, ServerId server, const bus::ListHeld::Held& held) {
  const std::optional<master::Chunk> chunk = state.chunks().find(held.handle);
  if (!chunk) return true;
  const master::Configuration& now = chunk->configuration;
  return !now.has(server) && held.version < now.settled && now.settled == now.version &&
         now.members.size() >= chunk->goal && std::ranges::find(now.lone, server) == now.lone.end();
}

// What the master has to say about it.
Task<std::string> told(bus::Endpoint& endpoint) {
  bus::CollectionStatus ask;
  Result<bus::CollectionStatus::Reply> status =
      co_await endpoint.call(bus::Peer::at(kMasterAddress), std::move(ask)).outcome();
  if (!status) co_return "the master does not answer: " + status.error().text();
  std::string says = "the master: " + status->held_back;
  for (const bus::CollectionStatus::Server& one : status->servers) {
    says += fmt::format(" [{} garbage {} refused {} unknown {}]", one.address, one.garbage, one.refused, one.unknown);
  }
  co_return says;
}

}  // namespace

std::string judge_collected(const master::MasterState& state, const Collected& one) {
  const std::optional<master::Chunk> chunk = state.chunks().find(one.handle);
  std::string wrong;
  if (one.orphan && (chunk || one.handle > state.last_handle())) {
    wrong = chunk ? "which a file has" : "which was not given out yet";
  } else if (!one.orphan && !chunk) {
    return {};  // it has lost its file since the page was read: no harm
  } else if (!one.orphan && chunk->configuration.has(one.server)) {
    wrong = "of which it is a member";
  } else if (!one.orphan && one.version >= chunk->configuration.settled) {
    wrong = fmt::format("of which version {} is the last settled one", chunk->configuration.settled);
  }
  if (wrong.empty()) return {};
  return fmt::format("server {} put version {} of chunk {} away, {}, by entry {} of the log", one.server, one.version,
                     one.handle, wrong, one.index);
}

std::string check_collected(const SimDisk& master, std::uint64_t chunk_size, std::vector<Collected> collected) {
  std::ranges::sort(collected, {}, &Collected::index);
  master::MasterState state({}, chunk_size);
  auto next = collected.begin();
  std::string wrong;
  replay(master, state, [&](std::uint64_t index) {
    for (; next != collected.end() && next->index <= index; ++next) {
      if (wrong.empty()) wrong = judge_collected(state, *next);
    }
  });
  return wrong;
}

Task<> check_garbage(History& history, bus::Endpoint& endpoint, const SimDisk& master, std::uint64_t chunk_size,
                     std::vector<bus::ServerInfo> servers, Instant deadline) {
  while (true) {
    std::string found;
    std::vector<std::pair<ServerId, bus::ListHeld::Held>> all;
    for (const bus::ServerInfo& server : servers) {
      bus::ListHeld ask{{}, 4096};
      Result<bus::ListHeld::Reply> page =
          co_await endpoint.call(bus::Peer::at(server.address), std::move(ask)).outcome();
      if (!page) found = "server " + server.server.text() + " does not say what it holds: " + page.error().text();
      if (!page) continue;
      for (const bus::ListHeld::Held& held : page->chunks) all.emplace_back(server.server, held);
    }
    master::MasterState state({}, chunk_size);
    replay(master, state, [](std::uint64_t) {});
    for (const auto& [server, held] : all) {
      if (!is_garbage(state, server, held)) continue;
      found = fmt::format("server {} still holds version {} of chunk {}, which is of no use to anybody", server,
                          held.version, held.handle);
    }
    if (found.empty()) co_return;
    if (endpoint.executor().now() >= deadline) {
      const std::string says = co_await told(endpoint);
      history.found("collection", found + "; " + says);
      co_return;
    }
    co_await endpoint.executor().sleep(5s);
  }
}

}  // namespace gfs::sim
