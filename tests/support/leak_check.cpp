// Linked into every test binary: after each test the process holds the same descriptors and has no child
// left, and the machine's shared-memory, message-queue and System V names are those that it had before.
#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "support/queue_limit.hpp"

namespace {

std::set<std::string> names_in(const std::string& folder) {
  std::set<std::string> names;
  DIR* stream = ::opendir(folder.c_str());
  if (stream == nullptr) return names;
  while (const dirent* entry = ::readdir(stream)) names.insert(folder + "/" + entry->d_name);
  ::closedir(stream);
  return names;
}

std::set<std::string> open_descriptors() {
  std::set<std::string> found;
  for (const auto& name : names_in("/proc/self/fd")) {
    char target[512];
    const ssize_t length = ::readlink(name.c_str(), target, sizeof target);
    if (length < 0) continue;  // the descriptor of the folder itself, closed by now
    found.insert(name.substr(14) + " -> " + std::string(target, static_cast<std::size_t>(length)));
  }
  return found;
}

/// Key and id of every System V object that this process has used last, or made: other tests run at the same time.
std::set<std::string> sysv_objects() {
  std::set<std::string> found;
  for (const char* kind : {"msg", "shm"}) {
    std::ifstream table(std::string("/proc/sysvipc/") + kind);
    std::string line;
    std::getline(table, line);
    while (std::getline(table, line)) {
      std::istringstream columns(line);
      std::string key, id, mode, bytes, messages, one_pid, other_pid;
      columns >> key >> id >> mode >> bytes;
      if (kind == std::string("msg")) columns >> messages;
      columns >> one_pid >> other_pid;
      for (const std::string& pid : {one_pid, other_pid}) {
        if (pid == std::to_string(::getpid()))
          found.insert(std::string(kind) + " key " + key + " id " + id + " of process " + pid);
      }
    }
  }
  return found;
}

std::set<std::string> named_objects() {
  std::set<std::string> all = sysv_objects();
  all.merge(names_in("/dev/shm"));
  all.merge(names_in("/dev/mqueue"));
  return all;
}

class LeakCheck : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo&) override {
    descriptors_ = open_descriptors();
    names_ = named_objects();
    tenon::test::forget_queues();
  }

  void OnTestEnd(const testing::TestInfo&) override {
    report("descriptor", descriptors_, open_descriptors());
    // Other tests run at the same time, so only what carries this process's id in its name is surely ours.
    std::set<std::string> ours;
    const std::string pid = std::to_string(::getpid());
    for (const auto& name : named_objects()) {
      if (name.find(pid) != std::string::npos) ours.insert(name);
    }
    report("named object", names_, ours);
    for (const auto& name : tenon::test::queues_left()) ADD_FAILURE() << "left a queue behind: " << name;
    if (::waitpid(-1, nullptr, WNOHANG) != -1) ADD_FAILURE() << "left a child process behind";
  }

  static void report(const char* what, const std::set<std::string>& before,
                     const std::set<std::string>& after) {
    for (const auto& item : after) {
      if (!before.contains(item)) ADD_FAILURE() << "left a " << what << " behind: " << item;
    }
  }

  std::set<std::string> descriptors_;
  std::set<std::string> names_;
};

// gtest's main comes from the library; a static object registers the listener before it runs.
const bool registered = [] {
  testing::UnitTest::GetInstance()->listeners().Append(new LeakCheck);
  return true;
}();

}  // namespace
