#include "master/operations_service.h"

#include <algorithm>

#include "base/log.h"

namespace gfs::master {

namespace {

constexpr std::size_t kExamples = 10;

bool contains(const std::vector<ServerId>& servers, ServerId server) {
  return std::find(servers.begin(), servers.end(), server) != servers.end();
}

std::string_view name_of_mark(bus::ServerMark mark) {
  return mark == bus::ServerMark::drain ? "drain" : mark == bus::ServerMark::maint ? "maint" : "none";
}

}  // namespace

void OperationsService::serve(bus::Endpoint& endpoint) {
  endpoint_ = &endpoint;
  endpoint.serve<&OperationsService::mark_server>(*this);
  endpoint.serve<&OperationsService::forget_server>(*this);
  endpoint.serve<&OperationsService::ask_stop>(*this);
  endpoint.serve<&OperationsService::set_repair>(*this);
  endpoint.serve<&OperationsService::list_repairs>(*this);
  endpoint.serve<&OperationsService::show_balance>(*this);
  endpoint.serve<&OperationsService::explain>(*this);
}

Task<bus::Done> OperationsService::mark_server(bus::MarkServer ask, bus::Caller caller) {
  if (ask.mark > bus::ServerMark::drain)
    co_await fail(Code::invalid_argument, "{} is no mark of a server", static_cast<int>(ask.mark));
  const bool maint = ask.mark == bus::ServerMark::maint;
  if (maint && (ask.for_ms == 0 || ask.for_ms > static_cast<std::uint64_t>(kMaintMax)))
    co_await fail(Code::invalid_argument, "maintenance for {} ms: up to 30 days are possible", ask.for_ms);
  if (maint && state_.directives().drains(ask.server))
    co_await fail(Code::conflict, "server {} drains: undrain it first", ask.server);
  if (!ask.successor.nil() && (ask.mark != bus::ServerMark::drain || ask.successor == ask.server))
    co_await fail(Code::invalid_argument, "server {} cannot take the chunks of {}", ask.successor, ask.server);
  // The end of maintenance depends on the clock: a repeat is told by what was asked.
  const std::uint32_t digest =
      digest_of(MarkServerOp{ask.server, ask.mark, static_cast<WallMs>(ask.for_ms), ask.successor});
  MarkServerOp op{ask.server, ask.mark, maint ? wall() + static_cast<WallMs>(ask.for_ms) : 0, ask.successor};
  (void)co_await journal_.commit(std::move(op), caller.request, digest, caller.index);
  std::string text{name_of_mark(ask.mark)};
  if (maint) text += fmt::format(" for {} s", ask.for_ms / 1000);
  if (!ask.successor.nil()) text += fmt::format(", its chunks go to server {}", ask.successor);
  log::info("server_marked", {{"server", ask.server}, {"mark", text}});
  decisions_.note(Decided::marked, {}, ask.server, std::move(text));
  co_return bus::Done{};
}

template <class Visit>
Task<> OperationsService::walk(Visit visit) {
  ChunkHandle at;
  for (bool more = true; more;) {
    std::size_t seen = 0;
    more = false;
    state_.chunks().walk(at, [&](ChunkHandle handle, const Chunk& chunk) {
      at = handle;
      visit(handle, chunk);
      more = ++seen == kPiece;
      return !more;
    });
    if (more) co_await endpoint_->executor().sleep(Duration::zero());
  }
}

Task<bus::Done> OperationsService::forget_server(bus::ForgetServer ask, bus::Caller caller) {
  if (!state_.servers().contains(ask.server)) {
    // Perhaps a repeat: its record tells.
    ForgetServerOp op{ask.server};
    (void)co_await journal_.commit(std::move(op), caller.request, 0, caller.index);
    co_return bus::Done{};
  }
  auto gone = [&]() -> Result<> {
    const std::string_view state = servers_.state(ask.server, now());
    if (state == "lost" || state == "left") return {};
    return fail(Code::conflict, "server {} is {}: stop it first (drain it before, if its chunks are needed)",
                ask.server, state);
  };
  co_await gone();
  std::uint64_t members = 0, sole = 0;
  auto count = [&](ChunkHandle handle, const Chunk& chunk) {
    // To what nobody ever wrote any other server will do.
    if (!chunk.configuration.has(ask.server) || chunk.configuration.virgin) return;
    ++members;
    if (sound_besides({ask.server}, handle, chunk) == 0) ++sole;
  };
  co_await walk(count);
  if (members > 0) {
    co_await fail(Code::conflict, "{} chunks count on server {}, {} of them on it alone: repair is not through with it",
                  members, ask.server, sole);
  }
  co_await gone();  // still
  ForgetServerOp op{ask.server};
  (void)co_await journal_.commit(std::move(op), caller.request, 0, caller.index);
  servers_.remove(ask.server);
  log::info("server_forgotten", {{"server", ask.server}});
  decisions_.note(Decided::marked, {}, ask.server, "forgotten");
  co_return bus::Done{};
}

std::size_t OperationsService::sound_besides(const std::vector<ServerId>& without, ChunkHandle handle,
                                             const Chunk& chunk) const {
  std::size_t sound = 0;
  for (ServerId member : chunk.configuration.members) {
    if (contains(without, member) || !servers_.up(member, now())) continue;
    const Held* held = servers_.held(member, handle);
    if (chunk.configuration.joins(member) && (held == nullptr || held->version != chunk.configuration.version))
      continue;
    const ServerTable::Replica replica = servers_.replica(member, handle, chunk.configuration.virgin);
    if (replica == ServerTable::Replica::ok) ++sound;
  }
  return sound;
}

Task<bus::AskStop::Reply> OperationsService::ask_stop(bus::AskStop ask, bus::Caller) {
  if (ask.servers.empty() || ask.servers.size() > kServersMax)
    co_await fail(Code::invalid_argument, "{} servers: from 1 to {} can be asked about", ask.servers.size(),
                  kServersMax);
  bool drains = false;
  for (ServerId server : ask.servers) {
    if (!state_.servers().contains(server)) co_await fail(Code::not_found, "server {} is not known", server);
    drains = drains || state_.directives().drains(server);
  }
  bus::AskStop::Reply reply;
  std::uint64_t draining = 0;
  auto look = [&](ChunkHandle handle, const Chunk& chunk) {
    const Configuration& configuration = chunk.configuration;
    const bool touched = std::ranges::any_of(ask.servers, [&](ServerId one) { return configuration.has(one); });
    if (!touched || configuration.virgin) return;
    ++reply.chunks;
    if (drains) {
      draining += std::ranges::any_of(
          ask.servers, [&](ServerId one) { return state_.directives().drains(one) && configuration.has(one); });
    }
    const std::size_t sound = sound_besides(ask.servers, handle, chunk);
    const bool few = sound < layouts_.least_for_writing(chunk);
    if (sound == 0) ++reply.unreadable;
    if (sound > 0 && few) ++reply.unwritable;
    if (sound > 0 && !few && sound < chunk.goal) ++reply.fewer;
    if ((sound == 0 || few) && reply.some.size() < kExamples) reply.some.push_back(handle);
  };
  co_await walk(look);
  std::size_t left = 0;  // that are heard
  for (const auto& [id, known] : state_.servers()) left += servers_.up(id, now()) && !contains(ask.servers, id);
  if (reply.unreadable > 0) {
    reply.why = fmt::format("{} chunks would be out of reach", reply.unreadable);
  } else if (reply.unwritable > 0) {
    reply.why = fmt::format("{} chunks could not be written to", reply.unwritable);
  } else if (draining > 0) {
    reply.why = fmt::format("{} chunks are still to leave what drains", draining);
  } else if (left == 0) {
    reply.why = "no server would be left";
  }
  reply.ok = reply.why.empty();
  co_return reply;
}

Task<bus::Done> OperationsService::set_repair(bus::SetRepair ask, bus::Caller caller) {
  co_await check_repair({ask.paused, ask.per_server, ask.per_cluster, ask.balance});
  SetRepairOp op{ask.paused, ask.per_server, ask.per_cluster, ask.balance};
  (void)co_await journal_.commit(std::move(op), caller.request, 0, caller.index);
  const RepairRules& rules = state_.directives().repair();
  std::string text =
      fmt::format("paused {}, per server {}, per cluster {} bytes a second (-1: the default), balance {}",
                  rules.paused == 1, rules.per_server, rules.per_cluster, rules.balance == 0 ? "stopped" : "on");
  log::info("repair_limited", {{"rules", text}});
  decisions_.note(Decided::limited, {}, {}, std::move(text));
  co_return bus::Done{};
}

Task<bus::ListRepairs::Reply> OperationsService::list_repairs(bus::ListRepairs ask, bus::Caller) {
  co_return healing_.status(std::min(ask.limit, kRepairsMax));
}

Task<bus::ShowBalance::Reply> OperationsService::show_balance(bus::ShowBalance ask, bus::Caller) {
  co_return balance_.status(std::min(ask.limit, kFillsMax));
}

void OperationsService::describe_server(ServerId id, std::vector<std::string>& lines) const {
  const KnownServer& known = state_.servers().at(id);
  lines.push_back(fmt::format("{} in rack {}: {}", known.control, known.rack, servers_.state(id, now())));
  const Directive directive = state_.directives().find(id, wall());
  if (directive.mark == bus::ServerMark::maint)
    lines.push_back(fmt::format("in maintenance for {} s more: nobody makes up for it, it gets no new chunks",
                                (directive.until - wall()) / 1000));
  if (directive.mark == bus::ServerMark::drain)
    lines.push_back(directive.successor.nil()
                        ? std::string("it drains: its chunks go to others")
                        : fmt::format("it drains: its chunks go to server {}", directive.successor));
  const Server* server = servers_.find(id);
  if (server == nullptr || server->session.nil()) {
    lines.push_back("it has not registered since the master started");
    return;
  }
  lines.push_back(fmt::format("heard {} ms ago; {} chunks, {} bytes free", to_ms(now() - server->heard), server->chunks,
                              server->free));
  if (!server->reported) lines.push_back("it has not reported all that it holds yet");
  if (server->seen_dead) lines.push_back("nobody listens at its address");
  if (server->believed_dead) lines.push_back("the other members believe that it is dead");
  if (std::string slow = servers_.paces().why(id, now()); !slow.empty()) lines.push_back(std::move(slow));
  if (server->unsteady(now()))
    lines.push_back(fmt::format("it was lost and came back {} times lately: others are preferred for a while",
                                server->returns.size()));
}

Task<bus::Explain::Reply> OperationsService::explain(bus::Explain ask, bus::Caller) {
  bus::Explain::Reply reply;
  reply.now_ms = wall();
  if (ask.handle.value != 0) {
    if (!state_.chunks().has(ask.handle)) co_await fail(Code::not_found, "chunk {} does not exist", ask.handle);
    reply.now = healing_.describe(ask.handle);
  } else if (!ask.server.nil()) {
    if (!state_.servers().contains(ask.server)) co_await fail(Code::not_found, "server {} is not known", ask.server);
    describe_server(ask.server, reply.now);
  }
  const std::size_t limit = std::min(ask.limit, kDecisionsMax);
  decisions_.visit([&](const DecisionRecord& reason) {
    if (reply.decisions.size() >= limit) return false;
    const bool wanted = ask.handle.value != 0 ? reason.chunk == ask.handle
                        : !ask.server.nil()   ? reason.server == ask.server
                                              : reason.what != Decided::placed;
    if (wanted) {
      reply.decisions.push_back(
          {reason.time, std::string(name_of(reason.what)), reason.chunk, reason.server, reason.text});
    }
    return true;
  });
  co_return reply;
}

}  // namespace gfs::master
