#include "master/outcome_table.h"

#include <algorithm>

#include "master/little_endian.h"

namespace gfs::master {

Decision refusal(Error error) {
  Decision decision;
  decision.code = error.code;
  decision.text = std::move(error.message);
  return decision;
}

Decision refusal(Code code, std::string text) { return refusal(Error{code, std::move(text), {}}); }

const OutcomeTable::Record* OutcomeTable::find(const RequestId& request) const {
  auto client = clients_.find(request.client);
  if (client == clients_.end()) return nullptr;
  auto record = client->second->records.find(request.sequence);
  return record == client->second->records.end() ? nullptr : &record->second;
}

bool OutcomeTable::forgotten(const RequestId& request) const {
  auto client = clients_.find(request.client);
  return client != clients_.end() && request.sequence <= client->second->dropped;
}

void OutcomeTable::add(const RequestId& request, std::uint32_t digest, Decision decision, WallMs now) {
  if (request.client.nil()) return;
  Cow<Client>& slot = clients_[request.client];
  if (!slot) slot = Cow<Client>(Client());
  Client& client = slot.change();
  by_age_.erase({client.heard, request.client});
  client.heard = std::max(client.heard, now);
  by_age_.emplace(client.heard, request.client);
  records_ += client.records.emplace(request.sequence, Record{digest, std::move(decision)}).second;
  if (client.records.size() > kRequestsPerClient) {
    client.dropped = std::max(client.dropped, client.records.begin()->first);
    client.records.erase(client.records.begin());
    --records_;
  }
  while (clients_.size() > kClients || records_ > kRecords || by_age_.begin()->first + kKept < now)
    drop(clients_.find(by_age_.begin()->second));
}

void OutcomeTable::close(ClientId client) {
  auto found = clients_.find(client);
  if (found != clients_.end()) drop(found);
}

void OutcomeTable::drop(Clients::iterator client) {
  by_age_.erase({client->second->heard, client->first});
  records_ -= client->second->records.size();
  clients_.erase(client);
}

OutcomeTable::Frozen OutcomeTable::freeze() const {
  Frozen frozen;
  frozen.clients_.reserve(clients_.size());
  for (const auto& [id, client] : clients_) frozen.clients_.emplace_back(id, client.freeze());
  return frozen;
}

bool OutcomeTable::Frozen::next(std::string& piece) {
  if (next_ == clients_.size()) return false;
  const auto [id, client] = std::move(clients_[next_++]);
  put_uuid(piece, id);
  put(piece, static_cast<std::uint64_t>(client->heard));
  put(piece, client->dropped);
  for (const auto& [sequence, record] : client->records) {
    const Decision& decision = record.decision;
    put(piece, sequence);
    put(piece, record.digest);
    put(piece, static_cast<std::uint16_t>(decision.code));
    put_text(piece, decision.text);
    put(piece, static_cast<std::uint8_t>(decision.info.type));
    put(piece, static_cast<std::uint8_t>(decision.info.ack));
    put(piece, decision.info.inode.value);
    put(piece, decision.info.size);
    put(piece, decision.info.replicas);
    put(piece, decision.info.chunks);
    put(piece, static_cast<std::uint64_t>(decision.info.mtime_ms));
    put_text(piece, decision.info.path);
    put(piece, decision.files);
    put(piece, decision.directories);
    put(piece, decision.handle.value);
    put(piece, decision.index);
  }
  return true;
}

Result<> OutcomeTable::load(std::string_view piece) {
  Taker taker(piece);
  const auto id = taker.uuid<ClientId>();
  Client client;
  client.heard = static_cast<WallMs>(taker.number<std::uint64_t>());
  client.dropped = taker.number<std::uint64_t>();
  while (!taker.at_end()) {
    const auto sequence = taker.number<std::uint64_t>();
    Record record;
    Decision& decision = record.decision;
    record.digest = taker.number<std::uint32_t>();
    decision.code = static_cast<Code>(taker.number<std::uint16_t>());
    decision.text = taker.text();
    decision.info.type = static_cast<bus::FileType>(taker.number<std::uint8_t>());
    decision.info.ack = static_cast<bus::AckMode>(taker.number<std::uint8_t>());
    decision.info.inode = InodeId{taker.number<std::uint64_t>()};
    decision.info.size = taker.number<std::uint64_t>();
    decision.info.replicas = taker.number<std::uint32_t>();
    decision.info.chunks = taker.number<std::uint32_t>();
    decision.info.mtime_ms = static_cast<std::int64_t>(taker.number<std::uint64_t>());
    decision.info.path = taker.text();
    decision.files = taker.number<std::uint64_t>();
    decision.directories = taker.number<std::uint64_t>();
    decision.handle = ChunkHandle{taker.number<std::uint64_t>()};
    decision.index = taker.number<std::uint64_t>();
    if (taker.failed()) break;
    client.records.emplace_hint(client.records.end(), sequence, std::move(record));
  }
  if (taker.failed() || id.nil() || clients_.contains(id) || client.records.size() > kRequestsPerClient)
    return fail(Code::malformed, "what is remembered of client {} is not whole, or comes twice", id);
  records_ += client.records.size();
  by_age_.emplace(client.heard, id);
  clients_.emplace(id, Cow<Client>(std::move(client)));
  return {};
}

std::string OutcomeTable::dump() const {
  std::string text;
  for (const auto& [id, client] : clients_) {
    text += fmt::format("client {} heard {} dropped {}\n", id, client->heard, client->dropped);
    for (const auto& [sequence, record] : client->records) {
      text += fmt::format("  {} digest {:08x} {} {} inode {} {} {} handle {} index {}\n", sequence, record.digest,
                          name_of(record.decision.code), record.decision.text, record.decision.info.inode,
                          record.decision.files, record.decision.directories, record.decision.handle,
                          record.decision.index);
    }
  }
  return text;
}

}  // namespace gfs::master
