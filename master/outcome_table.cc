#include "master/outcome_table.h"

#include <algorithm>

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
  auto record = client->second.records.find(request.sequence);
  return record == client->second.records.end() ? nullptr : &record->second;
}

bool OutcomeTable::forgotten(const RequestId& request) const {
  auto client = clients_.find(request.client);
  return client != clients_.end() && request.sequence <= client->second.dropped;
}

void OutcomeTable::add(const RequestId& request, std::uint32_t digest, Decision decision, WallMs now) {
  if (request.client.nil()) return;
  Client& client = clients_[request.client];
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

void OutcomeTable::drop(std::map<ClientId, Client>::iterator client) {
  by_age_.erase({client->second.heard, client->first});
  records_ -= client->second.records.size();
  clients_.erase(client);
}

std::string OutcomeTable::dump() const {
  std::string text;
  for (const auto& [id, client] : clients_) {
    text += fmt::format("client {} heard {} dropped {}\n", id, client.heard, client.dropped);
    for (const auto& [sequence, record] : client.records) {
      text += fmt::format("  {} digest {:08x} {} {} inode {} {} {} handle {} index {}\n", sequence, record.digest,
                          name_of(record.decision.code), record.decision.text, record.decision.info.inode,
                          record.decision.files, record.decision.directories, record.decision.handle,
                          record.decision.index);
    }
  }
  return text;
}

}  // namespace gfs::master
