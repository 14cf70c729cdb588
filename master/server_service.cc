#include "master/server_service.h"

#include <algorithm>

#include "base/log.h"
#include "base/probe.h"
#include "bus/messages/client_master.h"

namespace gfs::master {

namespace {

constexpr std::uint32_t kReportPage = 4096;
constexpr std::size_t kTextMax = 256;
constexpr Duration kProbeTime = 1s;

bool is_unreachable(Code code) {
  return code == Code::unreachable || code == Code::deadline || code == Code::lost_link;
}

}  // namespace

void ServerService::serve(bus::Endpoint& endpoint) {
  endpoint_ = &endpoint;
  endpoint.serve<&ServerService::register_server>(*this);
  endpoint.serve<&ServerService::heartbeat>(*this);
  endpoint.serve<&ServerService::report_chunks>(*this);
  endpoint.serve<&ServerService::report_damage>(*this);
}

Result<> ServerService::check(const bus::RegisterServer& ask) const {
  if (ask.server.nil() || ask.session.nil())
    return fail(Code::invalid_argument, "a server registers without an id or a session");
  for (const std::string* address : {&ask.control, &ask.data}) {
    if (address->size() > kTextMax || address->find("://") == std::string::npos) {
      return fail(Code::invalid_argument, "server {}: '{}' is not an address", ask.server,
                  address->substr(0, kTextMax));
    }
  }
  if (ask.rack.size() > kTextMax)
    return fail(Code::invalid_argument, "server {}: the rack's name is too long", ask.server);
  // The same process, or its successor on the same (exclusive) address, may come again; anybody else is a second server
  // with a copied directory.
  const Server* there = servers_.find(ask.server);
  if (there != nullptr && there->has_ended(ask.session)) {
    return fail(Code::refused, "server {}: session {} is over: another one took its place, or it left", ask.server,
                ask.session);
  }
  auto known = state_.servers().find(ask.server);
  bool other = there != nullptr && there->session != ask.session && known != state_.servers().end() &&
               known->second.control != ask.control;
  if (other && servers_.up(ask.server, endpoint_->executor().now())) {
    return fail(Code::in_use, "server {} lives at {}: another one at {} may not use its identity", ask.server,
                known->second.control, ask.control);
  }
  return {};
}

Result<> ServerService::check_log(ServerId server, const bus::LogPosition& seen) {
  const bus::LogPosition here = log_.position();
  const std::uint32_t check = seen.epoch == here.epoch ? log_.check_at(seen.index) : 0;
  const bool differs = check != 0 && seen.check != 0 && check != seen.check;
  if (!here.behind(seen) && !differs) {
    servers_.note_ahead(server, false, endpoint_->executor().now());
    return {};
  }
  PROBE("a master found that its log is not the truth");
  servers_.note_ahead(server, true, endpoint_->executor().now());
  Error error{Code::refused, bus::refusal_of(here, server, seen, differs), {}};
  log::write_limited(log::Level::error, "master_behind", {{"server", server}, {"why", error.message}});
  return fail(std::move(error));
}

Task<bus::RegisterServer::Reply> ServerService::register_server(bus::RegisterServer ask, bus::Caller caller) {
  co_await check_log(ask.server, ask.seen);
  co_await check(ask);
  auto known = state_.servers().find(ask.server);
  if (known == state_.servers().end() || known->second.control != ask.control) {
    co_await probe(ask.server, ask.control);
    co_await check(ask);
    known = state_.servers().find(ask.server);
  }
  KnownServer now_known{ask.control, ask.data, ask.rack};
  if (known == state_.servers().end() || known->second != now_known) {
    AddServerOp op{ask.server, ask.control, ask.data, ask.rack};
    (void)co_await journal_.commit(std::move(op));
    co_await check(ask);
  }
  const Server* before = servers_.find(ask.server);
  bool fresh = before == nullptr || before->session != ask.session;
  servers_.open_session(ask, caller.peer.route, endpoint_->executor().now());
  if (fresh) {
    log::info("server_registered",
              {{"server", ask.server}, {"address", ask.control}, {"rack", ask.rack}, {"chunks", ask.chunks}});
  }
  bus::RegisterServer::Reply reply;
  reply.cluster = endpoint_->cluster();
  reply.lease_ms = static_cast<std::uint64_t>(to_ms(settings_.lease));
  reply.heartbeat_ms = static_cast<std::uint64_t>(to_ms(settings_.heartbeat));
  reply.report_page = kReportPage;
  say_position(reply);
  co_return reply;
}

Task<> ServerService::probe(ServerId server, std::string address) {
  std::vector<ServerId> members;
  for (const auto& [id, one] : servers_.all()) {
    if (id != server && servers_.up(id, endpoint_->executor().now())) members.push_back(id);
  }
  if (!members.empty()) {
    ServerId prober = endpoint_->random().pick(members);
    Result<> probed = co_await probe_from(prober, address).outcome();
    if (probed) co_return;
    if (probed.error().code == Code::unreachable) co_await std::move(probed);
  }
  co_await probe_from_here(std::move(address));
}

Task<> ServerService::probe_from(ServerId prober, std::string address) {
  bus::ProbeAddress ask{address};
  bus::CallOptions options;
  options.deadline = kProbeTime;
  bus::Peer peer = bus::Peer::on(servers_.find(prober)->route);
  Result<bus::Done> answer = co_await endpoint_->call(std::move(peer), std::move(ask), options).outcome();
  if (answer) co_return;
  // Only what the prober itself says counts: its own connection to us may be the one that is broken.
  bool said = answer.error().code == Code::unreachable && answer.error().message.find(address) != std::string::npos;
  co_await fail(said ? Code::unreachable : Code::unavailable, "{} cannot be reached from server {}: {}", address,
                prober, answer.error().message);
}

Task<> ServerService::probe_from_here(std::string address) {
  bus::Hello ask{"gfs-master " GFS_VERSION};
  bus::CallOptions options;
  options.deadline = kProbeTime;
  bus::Peer peer = bus::Peer::at(address);
  Result<bus::Hello::Reply> answer = co_await endpoint_->call(std::move(peer), std::move(ask), options).outcome();
  // Any answer will do, a refusal too: somebody is there.
  if (!answer && is_unreachable(answer.error().code)) {
    co_await fail(Code::unreachable, "{} cannot be reached from the master: {}", address, answer.error().message);
  }
}

Task<bus::Heartbeat::Reply> ServerService::heartbeat(bus::Heartbeat ask, bus::Caller caller) {
  co_await check_log(ask.server, ask.seen);
  bus::Heartbeat::Reply reply;
  reply.known = servers_.heartbeat(ask, caller.peer.route, endpoint_->executor().now());
  say_position(reply);
  if (reply.known && ask.leaving) log::info("server_left", {{"server", ask.server}});
  co_return reply;
}

Task<bus::ReportChunks::Reply> ServerService::report_chunks(bus::ReportChunks ask, bus::Caller) {
  bool known = co_await servers_.report(ask);
  if (known && ask.last)
    log::info("server_reported",
              {{"server", ask.server}, {"up_to", ask.chunks.empty() ? ask.after : ask.chunks.back().handle}});
  bus::ReportChunks::Reply reply;
  reply.known = known;
  co_return reply;
}

Task<bus::Done> ServerService::report_damage(bus::ReportDamage ask, bus::Caller) {
  if (ask.mended) {
    log::info("replica_mended", {{"server", ask.server}, {"chunk", ask.handle}});
  } else {
    log::error(
        "replica_damaged",
        {{"server", ask.server}, {"chunk", ask.handle}, {"block", ask.block}, {"why", ask.reason.substr(0, kTextMax)}});
  }
  if (state_.chunks().has(ask.handle)) servers_.damage(ask);
  co_return bus::Done{};
}

}  // namespace gfs::master
