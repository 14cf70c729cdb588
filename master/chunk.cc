#include "master/chunk.h"

#include <algorithm>
#include <iterator>

namespace gfs::master {

bool Configuration::has(ServerId server) const {
  return std::find(members.begin(), members.end(), server) != members.end();
}

bool Configuration::joins(ServerId server) const {
  return std::find(joining.begin(), joining.end(), server) != joining.end();
}

std::vector<ServerId> Configuration::lone_when_active() const {
  std::vector<ServerId> left;
  std::copy_if(lone.begin(), lone.end(), std::back_inserter(left), [this](ServerId one) { return !has(one); });
  if (ack == bus::AckMode::primary) left.push_back(primary);
  return left;
}

}  // namespace gfs::master
