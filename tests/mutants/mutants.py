"""Mutants of the ring and of what stands around it: each takes one order or one check away, and one named test must
notice. A mutant that lives is a hole in the tests.

    mutants.py SOURCE BUILD [NAME...]

works on a copy of SOURCE below BUILD, and prints what was killed by what. Ends with 1 when one lives."""

import os
import pathlib
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass

LIMIT_S = 120

RING = "src/shm/ring.hpp"
REGION = "src/channel/region.cpp"
INTRODUCTION = "src/channel/shm/introduction.cpp"
RECEIVER = "src/channel/ring_receiver.cpp"
MESSAGES = "src/channel/ring_messages.cpp"
SENDER = "src/channel/ring_sender.cpp"
WISH = "src/channel/ring_wish.hpp"
CELL = "src/shm/cell.hpp"
BLOCKS = "src/channel/lent_blocks.cpp"
ARENA = "src/channel/arena.cpp"
DOORBELL = "src/os/doorbell.cpp"

LIES = ("channel_test", "IntroductionOfAStranger.*")
RULES = ("channel_test", "RingRules.*:*EachRule.*")
MODEL = ("shm_test", "Ring.*")
HOSTILE = ("shm_test", "*HostileMemory.*")
RACES = ("shm_test", "Ring.between_two_threads_over_one_mapping")  # under the thread sanitizer
STEPS = ("single_step", "*")
LATEST = ("shm_test", "Cell.*")
ARENA_RULES = ("channel_test", "ArenaRules.*:*EachArenaRule.*")
ARENA_TESTS = ("channel_test", "ShmArena.*")
SLEEP = ("channel_test", "ShmSleep.*")
SLEEP_BESIDE_PEER = ("channel_test", "ShmSleepBesidePeer.*")
ARENA_LIMITS = ("channel_test", "ShmArenaLimits.*:ArenaLimitsBesidePeer.*")
CONVERSATION = ("channel_test", "ShmConversation.*")


@dataclass
class Mutant:
    name: str
    file: str
    old: str
    new: str
    test: tuple
    preset: str = "release"


MUTANTS = [
    # Orders
    Mutant("record committed without release", RING, "M::store_release(first_word_, first_value_);",
           "M::store_relaxed(first_word_, first_value_);", RACES, "tsan"),
    Mutant("lone record committed without release", RING, "M::store_release(word(head_), record_word(kind, size));",
           "M::store_relaxed(word(head_), record_word(kind, size));", RACES, "tsan"),
    Mutant("record taken without acquire", RING, "word = M::load_acquire(at(tail_));  // SYNC: record committed\n    if (",
           "word = M::load_relaxed(at(tail_));\n    if (", RACES, "tsan"),
    Mutant("message taken without acquire", RING, "found = M::load_acquire(at(tail_));",
           "found = M::load_relaxed(at(tail_));", RACES, "tsan"),
    Mutant("any length of a message believed", RING, "if (size > longest_ || broken_) return false;",
           "if (broken_) return false;", HOSTILE),
    Mutant("message after a broken record", RING, "if (size > longest_ || broken_) return false;",
           "if (size > longest_) return false;", HOSTILE),
    Mutant("given back without release", RING, "M::store_release(read_position_, position);",
           "M::store_relaxed(read_position_, position);", RACES, "tsan"),
    Mutant("room taken without acquire", RING, "read = M::load_acquire(read_position_);",
           "read = M::load_relaxed(read_position_);", RACES, "tsan"),
    Mutant("sleeper looks before it wishes", WISH, "return os::heavy_fence();", "return true;", SLEEP),
    # The ring
    Mutant("word behind a larger reservation not wiped", RING, "M::store_relaxed(word(next), 0);", "", MODEL),
    Mutant("words ahead not wiped", RING, "M::store_relaxed(word(from), 0);", "", MODEL),
    Mutant("words wiped that are not free", RING, "wanted < free_end_ ? wanted : free_end_", "wanted", MODEL),
    Mutant("no line of room behind a record", RING, "record_size(size) + cache_line;", "record_size(size);", MODEL),
    Mutant("a skip over what is not free", RING,
           "if (end + cache_line > free_end_ && !(look_at_reader() && end + cache_line <= free_end_)) return false;",
           "", MODEL),
    Mutant("a skip that is kept back", SENDER, "if (writer_.publish()) static_cast<void>(tell());", "", CONVERSATION),
    Mutant("a conversation that is never seen", RECEIVER, "has_sent && !behind_a_streak", "false",
           CONVERSATION),
    Mutant("sleeps on a skip", RECEIVER, "broken() || reader_.position() != position) {",
           "broken() || reader_.position() < position) {", SLEEP_BESIDE_PEER),
    Mutant("skips without end", RECEIVER, "reader_.stop();  // a peer that only ever skips would keep us here", "",
           RULES),
    Mutant("staged records seen one by one", RING, "if (first_word_ == nullptr) {", "if (true) {", MODEL),
    Mutant("record's word published before its payload", SENDER,
           "        message.size() <= max_record_ ? writer_.reserve_exactly(message.size()) : nullptr;\n",
           "        message.size() <= max_record_ ? writer_.reserve_exactly(message.size()) : nullptr;\n"
           "    if (place != nullptr) writer_.commit(RecordKind::message, static_cast<std::uint32_t>(message.size()));\n",
           STEPS),
    Mutant("front forgets that it has looked", RING, "if (front_.payload != nullptr) return &front_;", "", MODEL),
    Mutant("any position believed", RING, "if (read - before > head_ - before ||", "if (before == UINT64_MAX ||", MODEL),
    Mutant("a crooked position believed", RING, " || read % cache_line != 0) plausible_ = false;",
           ") plausible_ = false;", MODEL),
    Mutant("any length believed", RING, " || size > max_size(kind, capacity())) broken_ = true;", ") broken_ = true;", MODEL),
    Mutant("any kind believed", RING, " || !is_kind(kind) ||", " ||", MODEL),
    Mutant("dirty word believed", RING, "if (word >> 40 != 0 ||", "if (", MODEL),
    Mutant("word looked at twice", RING, "const auto size = static_cast<std::uint32_t>(word);",
           "const auto size = static_cast<std::uint32_t>(M::load_relaxed(at(tail_)));", HOSTILE),
    Mutant("goes on after a broken record", RING, "if (broken_) return false;", "if (broken_ && word == 0) return false;",
           MODEL),
    # The cell
    Mutant("no look at the version", CELL, "if (M::load_relaxed(word) != 2 * number) return std::nullopt;", "", LATEST),
    Mutant("any size of a value", CELL, "if (size > layout_.most()) return std::nullopt;", "", LATEST),
    Mutant("published before it is written", CELL, "    ++number_;\n", "    ++number_;\n    M::store_release(memory_, number_);\n", LATEST),
    Mutant("one slot for all", CELL, "number % slots * slot_", "0 * number * slot_", LATEST),
    # Memory from a peer
    Mutant("no need of the seal against seals", REGION, "os::Seals::seal | os::Seals::shrink", "os::Seals::shrink", LIES),
    Mutant("no need of the seal against shrinking", REGION, "os::Seals::seal | os::Seals::shrink", "os::Seals::seal", LIES),
    Mutant("no need of the seal against growing", REGION, " | os::Seals::grow", "", LIES),
    Mutant("no need of the seal against writing", REGION, " | os::Seals::future_write", "", LIES),
    Mutant("memory may be too small", REGION, ".min_size = size", ".min_size = 1", LIES),
    Mutant("memory may be too large", REGION, ".max_size = size", ".max_size = 2 * size", LIES),
    Mutant("magic not looked at", REGION, "if (words.magic != shm::region_magic ||", "if (", LIES),
    Mutant("version not looked at", REGION, "words.version != shm::region_version ||", "", LIES),
    Mutant("header's size not looked at", REGION, "words.size != header_size ||", "", LIES),
    Mutant("capacity not compared", REGION, " ||\n      words.capacity != capacity) {", ") {", LIES),
    Mutant("capacity not a power of two", REGION, " || (capacity & (capacity - 1)) != 0) {", ") {", LIES),
    # The introduction
    Mutant("any flag", INTRODUCTION, " || flags > fences_by_the_sleeper ||", " ||", LIES),
    Mutant("reserved bytes not looked at", INTRODUCTION, " ||\n      !clean) {", " ||\n      (clean && !clean)) {", LIES),
    Mutant("any number of descriptors", INTRODUCTION, "if (arrived_.size() != (role_ == Role::listening ? 2 : 1)) {",
           "if (arrived_.empty()) {", LIES),
    Mutant("any descriptor for a bell", INTRODUCTION, "!= os::DescriptorKind::stream_socket) {",
           "== static_cast<os::DescriptorKind>(250)) {", LIES),
    # Records
    Mutant("total not bounded", MESSAGES, "if (total > max_message_size_) return violate", "if (false) return violate", RULES),
    Mutant("beginning may be all", MESSAGES, "if (here >= total) return violate", "if (here > total) return violate", RULES),
    Mutant("first in a message", MESSAGES, "if (begins != (assembly_.filled == 0) ||", "if (", RULES),
    Mutant("any kind in a message", MESSAGES, "(!begins && !ends && record.kind != RecordKind::middle) ||", "", RULES),
    Mutant("last may be short", MESSAGES, "(ends ? size != left :", "(ends ? size > left :", RULES),
    Mutant("middle may end", MESSAGES, "size == 0 || size >= left)", "size == 0 || size > left)", RULES),
    Mutant("empty middle", MESSAGES, "size == 0 || size >= left)", "size >= left)", RULES),
    Mutant("close in a message", RECEIVER, 'if (assembly_.active) return violate("an end', 'if (false) return violate("an end',
           RULES),
    # Blocks
    Mutant("any number of a block", BLOCKS, "record.block >= shm::most_blocks ||", "", ARENA_RULES),
    Mutant("any generation", BLOCKS, "record.generation != place.generation + 1 ||", "", ARENA_RULES),
    Mutant("message in a block that is held", BLOCKS,
           " ||\n      (desk_ && !desk_->returned(record.block, place.generation)))", ")", ARENA_RULES),
    Mutant("message longer than its block", BLOCKS, "if (record.length > place.block->size())", "if (false)", ARENA_RULES),
    Mutant("blocks beyond the arena", BLOCKS, "if (record.brought > most_bytes_ - (bytes_ - before))", "if (false)",
           ARENA_RULES),
    Mutant("block dropped while it is held", BLOCKS,
           "place.block == nullptr || !desk_->returned(number, place.generation)", "place.block == nullptr", ARENA_RULES),
    Mutant("never returned", BLOCKS, "  desk_->give_back(number_, generation_);\n  if (balance_",
           "  if (balance_", ARENA_TESTS),
    Mutant("any return believed", ARENA, "} else if (returned != block.generation_ - 1) {", "} else if (false) {",
           ARENA_RULES),
    Mutant("nobody says that it waits for a record", RECEIVER,
           "  blocks_.about_to_wait(reader_.position());\n  return waiter_", "  return waiter_", ARENA_TESTS),
    Mutant("a block that was taken is taken again", SENDER, "    if (block && *block != nullptr) return true;\n", "",
           ARENA_TESTS),
    Mutant("a block without the copy", SENDER, "std::memcpy((*block)->data(), message.data(), message.size());",
           "", ARENA_TESTS),
    Mutant("descriptors are taken before there is a number for them", DOORBELL, "passed_, Leave::all);",
           "passed_, Leave::nothing);", ARENA_LIMITS),
    Mutant("a death behind a descriptor is not seen", DOORBELL, "return hung_up() ? State::gone : State::rung;",
           "return State::rung;", ARENA_LIMITS),
    Mutant("records after a violation", RECEIVER, "  reader_.stop();\n", "", RULES),
    Mutant("violator stays connected", RECEIVER, "  data_.disconnect();\n  room_.disconnect();\n", "", RULES),
]


def build(tree, preset, target):
    return subprocess.run(["cmake", "--build", "--preset", preset, "--target", target], cwd=tree, capture_output=True,
                          text=True, check=False)


def passes(tree, mutant):
    """Whether the mutant's test passes in the tree as it is. A test that does not end has noticed something."""
    target, chosen = mutant.test
    built = build(tree, mutant.preset, target)
    if built.returncode != 0:
        sys.exit(f"mutants.py: '{mutant.name}' does not compile:\n{built.stdout[-3000:]}")
    binary = tree / "build" / mutant.preset / "tests" / target
    try:
        done = subprocess.run([binary, f"--gtest_filter={chosen}", "--gtest_fail_fast"], capture_output=True, text=True,
                              timeout=LIMIT_S, check=False, env=os.environ | {"TENON_STEPS": "600"})
    except subprocess.TimeoutExpired:
        return False
    if "[  PASSED  ] 0 tests" in done.stdout and done.returncode == 0:
        sys.exit(f"mutants.py: {target} has no test {chosen}")
    return done.returncode == 0


def copy(source, tree):
    """What git knows of the source, so that nothing here touches it."""
    shutil.rmtree(tree, ignore_errors=True)
    names = subprocess.run(["git", "ls-files", "-z"], cwd=source, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, tree / name)


def main():
    source, tree = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    chosen = [mutant for mutant in MUTANTS if not sys.argv[3:] or mutant.name in sys.argv[3:]]
    copy(source, tree)
    for preset in sorted({mutant.preset for mutant in chosen}):
        subprocess.run(["cmake", "--preset", preset], cwd=tree, capture_output=True, check=True)
    for test in {(mutant.preset, mutant.test): mutant for mutant in chosen}.values():
        if not passes(tree, test):
            sys.exit(f"mutants.py: {test.test} fails without any mutant")
    lived = []
    for mutant in chosen:
        file = tree / mutant.file
        text = file.read_text()
        if text.count(mutant.old) != 1:
            sys.exit(f"mutants.py: '{mutant.name}' is no longer possible: {mutant.file} has {text.count(mutant.old)} times\n{mutant.old}")
        file.write_text(text.replace(mutant.old, mutant.new))
        begun = time.monotonic()
        lives = passes(tree, mutant)
        file.write_text(text)
        print(f"{'LIVES ' if lives else 'killed'} {mutant.name:45} {mutant.file:35} {' '.join(mutant.test)}"
              f" ({time.monotonic() - begun:.0f} s)", flush=True)
        if lives:
            lived.append(mutant.name)
    print(f"{len(chosen) - len(lived)} of {len(chosen)} mutants killed")
    sys.exit(1 if lived else 0)


if __name__ == "__main__":
    main()
