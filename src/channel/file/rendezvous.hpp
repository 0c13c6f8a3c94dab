// How the two ends of a channel over files meet: a call and an answer in the file `tenon`, and a new segment in each
// direction.
#pragma once

#include <memory>

#include "channel/contract.hpp"

namespace tenon::filelog {

Result<std::unique_ptr<Endpoint>> connect(const Address& address, Deadline deadline, Traits traits);
Result<std::unique_ptr<Acceptor>> listen(const Address& address, Traits traits);

}  // namespace tenon::filelog
