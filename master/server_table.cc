#include "master/server_table.h"

#include <algorithm>

namespace gfs::master {

namespace {

constexpr std::size_t kAheadMax = 1024;  // one is enough to know
constexpr Duration kAheadKept = 30s;
constexpr std::ptrdiff_t kDisksMax = 64;  // of one server; it has no more
constexpr Duration kTickSlack = 100ms;    // timers are late now and then

}  // namespace

void ServerTable::add(ServerId server, Instant now) {
  auto [at, fresh] = servers_.try_emplace(server);
  if (fresh) at->second.heard = now;
}

const Server* ServerTable::find(ServerId server) const {
  auto found = servers_.find(server);
  return found == servers_.end() ? nullptr : &found->second;
}

Server* ServerTable::session(ServerId server, SessionId session) {
  auto found = servers_.find(server);
  if (found == servers_.end() || found->second.session != session || !found->second.registered()) return nullptr;
  return &found->second;
}

void ServerTable::open_session(const bus::RegisterServer& ask, std::string route, Instant now) {
  Server& server = servers_[ask.server];
  note_return(server, now);
  if (server.session != ask.session) {
    server.end(server.session);
    server.holdings.clear();
    server.reported = false;
    server.reported_to = {};
  }
  server.session = ask.session;
  server.route = std::move(route);
  server.heard = now;
  ++server.beats;
  server.left = false;
  server.seen_dead = false;
  server.capacity = ask.capacity;
  server.used = ask.used;
  server.free = ask.free;
  server.chunks = ask.chunks;
  server.recent = 0;
}

bool ServerTable::heartbeat(const bus::Heartbeat& beat, std::string route, Instant now) {
  Server* server = session(beat.server, beat.session);
  if (server == nullptr) return false;
  note_return(*server, now);
  server->route = std::move(route);
  server->heard = now;
  ++server->beats;
  server->seen_dead = false;
  server->capacity = beat.capacity;
  server->used = beat.used;
  server->free = beat.free;
  server->chunks = beat.chunks;
  server->quarantined = beat.quarantined;
  server->quarantined_bytes = beat.quarantined_bytes;
  server->quarantined_since_ms = beat.quarantined_since_ms;
  // A goodbye says nothing of them.
  if (!beat.leaving)
    server->disks.assign(beat.disks.begin(), beat.disks.begin() + std::min(std::ssize(beat.disks), kDisksMax));
  server->recent = 0;
  paces_.told(beat.server, beat.paces, now);
  server->left = beat.leaving;
  if (beat.leaving) server->end(beat.session);
  return true;
}

void ServerTable::note_return(Server& server, Instant now) const {
  if (server.session.nil() || server.left || !is_lost(clocks_, server.signs(), now)) return;
  // The master stood still, and has not counted that out yet.
  if (ticked_ && now - *ticked_ > kTickMax + kTickSlack) return;
  if (server.returns.size() == Server::kReturnsMax) server.returns.pop_front();
  server.returns.push_back(now);
}

Result<bool> ServerTable::report(const bus::ReportChunks& page) {
  ChunkHandle end = page.after;
  for (const bus::ReportChunks::Held& held : page.chunks) {
    if (held.handle <= end) return fail(Code::malformed, "a report's chunks do not ascend at {}", held.handle);
    end = held.handle;
  }
  Server* server = session(page.server, page.session);
  if (server == nullptr || page.after > server->reported_to) return false;
  if (end < server->reported_to || server->reported) return true;  // a repeat of what is known
  for (const bus::ReportChunks::Held& held : page.chunks) {
    Held& known = server->holdings[held.handle.value];
    // Written before it was made equal for a newer version.
    if (known.noted && known.version > held.version) continue;
    // Damage may have been told while this page was under way: only making it equal unsays it.
    known.damaged = known.damaged || held.damaged;
    known.suspect = known.suspect || held.suspect;
    if (known.noted && known.version == held.version) continue;
    known = {held.version, held.length, known.damaged, known.suspect, held.sealed, false};
  }
  server->reported_to = end;
  server->reported = page.last;
  return true;
}

void ServerTable::damage(const bus::ReportDamage& report) {
  Server* server = session(report.server, report.session);
  if (server != nullptr) server->holdings[report.handle.value].damaged = !report.mended;
}

void ServerTable::note(ServerId id, ChunkHandle handle, Version version, std::uint64_t length, bool damaged) {
  auto found = servers_.find(id);
  if (found == servers_.end()) return;
  Held& held = found->second.holdings[handle.value];
  if (version > held.version) {
    held.suspect = false;
    // What was held when the damage was told is not always known.
    if (held.version.value != 0) held.damaged = damaged;
  }
  held.version = std::max(held.version, version);
  held.length = std::max(held.length, length);
  held.noted = true;
}

void ServerTable::note_missing(ServerId id, ChunkHandle handle) {
  auto found = servers_.find(id);
  if (found != servers_.end()) found->second.holdings.erase(handle.value);
}

void ServerTable::note_suspect(ServerId id, ChunkHandle handle) {
  auto found = servers_.find(id);
  if (found == servers_.end()) return;
  found->second.holdings[handle.value].suspect = true;
}

void ServerTable::note_dead(ServerId id) {
  auto found = servers_.find(id);
  if (found != servers_.end()) found->second.seen_dead = true;
}

void ServerTable::note_answered(ServerId id, Instant now) {
  auto found = servers_.find(id);
  if (found != servers_.end()) found->second.answered = now;
}

void ServerTable::note_gossip(ServerId id, Instant lived, bool dead, bool doubted) {
  auto found = servers_.find(id);
  if (found == servers_.end()) return;
  found->second.told = lived;
  found->second.doubted = doubted;
  found->second.believed_dead = dead;
}

void ServerTable::note_ahead(ServerId id, bool ahead, Instant now) {
  std::erase_if(ahead_, [now](const auto& one) { return one.second + kAheadKept < now; });
  if (!ahead) {
    ahead_.erase(id);
  } else if (ahead_.size() < kAheadMax || ahead_.contains(id)) {
    ahead_[id] = now;
  }
}

bool ServerTable::anybody_ahead(Instant now) const {
  return std::ranges::any_of(ahead_, [now](const auto& one) { return one.second + kAheadKept >= now; });
}

void ServerTable::placed(ServerId id) {
  auto found = servers_.find(id);
  if (found != servers_.end()) ++found->second.recent;
}

void ServerTable::note_tick(Instant now) {
  const Duration pause = now - ticked_.value_or(now);
  ticked_ = now;
  paces_.judge(count_up(now), now);
  if (pause <= kTickMax + kTickSlack) return;
  for (auto& [id, server] : servers_) server.heard = std::min(now, server.heard + pause - kTickMax);
}

void ServerTable::forget(const std::function<bool(ChunkHandle)>& gone) {
  for (auto& [id, server] : servers_) {
    std::erase_if(server.holdings, [&](const auto& one) { return gone(ChunkHandle{one.first}); });
  }
}

std::size_t ServerTable::holdings() const {
  std::size_t sum = 0;
  for (const auto& [id, server] : servers_) sum += server.holdings.size();
  return sum;
}

bool ServerTable::avoided(ServerId id, Instant now) const {
  const Server* server = find(id);
  return server != nullptr && (server->unsteady(now) || paces_.slow(id, now));
}

bool ServerTable::up(ServerId id, Instant now) const {
  const Server* server = find(id);
  return server != nullptr && server->registered() && !server->seen_dead && !is_silent(clocks_, server->signs(), now);
}

bool ServerTable::overdue(ServerId id, Instant now) const {
  const Server* server = find(id);
  return server == nullptr || server->left || server->seen_dead || is_silent(clocks_, server->signs(), now);
}

bool ServerTable::gone(ServerId id, Instant now) const {
  const Server* server = find(id);
  return server == nullptr || is_lost(clocks_, server->signs(), now);
}

std::string_view ServerTable::state(ServerId id, Instant now) const {
  const Server* server = find(id);
  if (server == nullptr) return "lost";
  if (server->left) return "left";
  if (gone(id, now)) return "lost";
  return up(id, now) ? "up" : "suspect";
}

std::uint32_t ServerTable::count_up(Instant now) const {
  return static_cast<std::uint32_t>(
      std::count_if(servers_.begin(), servers_.end(), [&](const auto& server) { return up(server.first, now); }));
}

ServerTable::Replica ServerTable::replica(ServerId id, ChunkHandle handle, bool virgin) const {
  const Server* server = find(id);
  if (server == nullptr || !server->registered()) return Replica::unknown;
  if (const Held* held = this->held(id, handle)) {
    return held->damaged ? Replica::damaged : held->suspect && !virgin ? Replica::suspect : Replica::ok;
  }
  if (virgin) return Replica::ok;
  return server->reported ? Replica::missing : Replica::unknown;
}

const Held* ServerTable::held(ServerId id, ChunkHandle handle) const {
  const Server* server = find(id);
  if (server == nullptr) return nullptr;
  auto found = server->holdings.find(handle.value);
  return found == server->holdings.end() ? nullptr : &found->second;
}

}  // namespace gfs::master
