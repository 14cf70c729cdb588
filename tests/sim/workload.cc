#include "tests/sim/workload.h"

#include "tests/sim/client.h"

namespace gfs::sim {

Shared::Shared(const Plan& of)
    : plan(of), names(history, of.groups), group_free(of.groups), file_free(of.data_files), writers(kClients) {
  history.chunk_size = of.chunk_size;
  appends.chunk_size = of.chunk_size;
  history.by_file.resize(of.data_files);
  history.synced_size.resize(of.data_files);
  for (std::uint32_t i = 1; i <= of.lone; ++i) history.lone.insert(of.data_files - i);
  appends.starts.resize(of.append_files);
  Random random(of.seed + 0xc11e47);
  for (std::vector<Writer>& files : writers) {
    files.resize(of.append_files);
    for (Writer& writer : files) writer.client = ClientId::random(random);
  }
}

Workload::Workload(SimExecutor& world, bus::SimNetwork& network, Shared& shared)
    : world_(world), network_(network), shared_(shared), seats_(kClients) {
  for (int i = 0; i < kClients; ++i) {
    seats_[i].host = "client" + std::to_string(i);
    seats_[i].clock = clock_of(shared.plan, seats_[i].host);
  }
}

Workload::~Workload() = default;

void Workload::start_client(int number) {
  Seat& seat = seats_[number];
  if (seat.client) return;
  ++seat.lives;
  const std::uint64_t seed =
      shared_.plan.seed * 7919 + static_cast<std::uint64_t>(number) * 104729 + seat.lives * 1299709;
  seat.client = std::make_unique<Client>(world_, network_, shared_, number, seat.clock, seed);
}

void Workload::kill_client(int number) {
  seats_[number].client.reset();
  network_.resume(seats_[number].host);
}

Workload::Seat* Workload::find(const std::string& host) {
  for (Seat& seat : seats_) {
    if (seat.host == host) return &seat;
  }
  return nullptr;
}

bool Workload::pause(const std::string& host) {
  Seat* seat = find(host);
  if (seat == nullptr || !seat->client || !seat->client->pause()) return false;
  network_.pause(host);
  return true;
}

void Workload::resume(const std::string& host) {
  Seat* seat = find(host);
  if (seat == nullptr || !seat->client) return;
  network_.resume(host);
  seat->client->resume();
}

void Workload::step_wall(const std::string& host, Duration by) {
  Seat* seat = find(host);
  if (seat == nullptr) return;
  seat->clock.wall += by;
  if (seat->client) seat->client->step_wall(by);
}

bool Workload::done() const {
  for (const Seat& seat : seats_) {
    if (seat.client && !seat.client->finished()) return false;
  }
  return true;
}

std::string Workload::under_way() const {
  std::string out;
  for (const Seat& seat : seats_) {
    if (seat.client && !seat.client->finished()) out += " " + seat.host + ": " + seat.client->doing();
  }
  return out;
}

}  // namespace gfs::sim
