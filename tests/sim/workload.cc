#include "tests/sim/workload.h"

#include "tests/sim/client.h"

namespace gfs::sim {

Workload::Workload(SimExecutor& world, bus::SimNetwork& network, Shared& shared)
    : world_(world), network_(network), shared_(shared), clients_(kClients), lives_(kClients) {}

Workload::~Workload() = default;

void Workload::start_client(int number) {
  if (clients_[number]) return;
  const std::uint64_t life = ++lives_[number];
  const std::uint64_t seed = shared_.plan.seed * 7919 + static_cast<std::uint64_t>(number) * 104729 + life * 1299709;
  clients_[number] = std::make_unique<Client>(world_, network_, shared_, "client" + std::to_string(number), seed);
}

void Workload::kill_client(int number) { clients_[number].reset(); }

bool Workload::done() const {
  for (const std::unique_ptr<Client>& client : clients_) {
    if (client && !client->finished()) return false;
  }
  return true;
}

std::string Workload::under_way() const {
  std::string out;
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    if (clients_[i] && !clients_[i]->finished()) out += " client" + std::to_string(i) + ": " + clients_[i]->doing();
  }
  return out;
}

}  // namespace gfs::sim
