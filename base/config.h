// Config: a TOML file read into a settings struct, key by key. Durations and sizes are written as people say them.
//
//   Result<Config> config = Config::load(path);
//   config->get("replicas", settings.replicas);            // absent: the default stays
//   config->get_duration("lease", settings.lease);
//   Result<> checked = config->finish();                    // unknown keys, wrong types: file, line, key
//
// Keys with dots are tables ("listen.control"). Errors are collected and told by finish(), the first one first.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace gfs {

class Config {
 public:
  // not_found, malformed (file and line).
  static Result<Config> load(const std::string& path);
  static Result<Config> parse(std::string_view text, std::string name = "config");

  Config(Config&&) noexcept;
  Config& operator=(Config&&) noexcept;
  ~Config();

  void get(std::string_view key, std::string& value);
  void get(std::string_view key, bool& value);
  void get(std::string_view key, std::uint32_t& value);
  void get(std::string_view key, std::uint64_t& value);
  void get(std::string_view key, std::vector<std::string>& value);  // one string counts as a list of one
  void get_size(std::string_view key, std::uint64_t& value);
  void get_duration(std::string_view key, Duration& value);

  Result<> finish();

 private:
  struct Parts;
  explicit Config(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace gfs
