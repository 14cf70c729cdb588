// Progress: a bar on stderr while bytes move; nothing unless stderr is a terminal, nothing with --quiet.
//
//   big.bin  ████████████░░░░░░░░  62%  640.0 MiB/1.0 GiB  88.1 MiB/s  eta 4s
//
// add() may be called from the client's thread while the calling thread waits for it; never from two at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"
#include "client_cli/cli/output.h"

namespace gfs::cli {

class Progress {
 public:
  // Without a total the bar is left out and only bytes and rate are shown.
  Progress(Output& out, std::string label, std::optional<std::uint64_t> total);
  ~Progress();  // wipes the line

  void add(std::uint64_t bytes);

 private:
  void draw();

  Output& out_;
  const std::string label_;
  const std::optional<std::uint64_t> total_;
  const bool shown_;
  std::uint64_t done_ = 0;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point drawn_at_;
};

// One line without colour. Pure.
std::string progress_line(std::string_view label, std::uint64_t done, std::optional<std::uint64_t> total,
                          double seconds, unsigned width);

}  // namespace gfs::cli
