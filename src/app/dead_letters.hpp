#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include <CLI/App.hpp>

#include "app/config/config.hpp"

namespace guildhall::app {

/// Which dead letters `events dead` is about. Empty: of all consumers.
struct DeadLetterChoice {
    std::string consumer;
    std::int64_t event_id = 0;  // replay only; 0: all events
    bool is_all = false;        // replay only: must be said when no event is named
};

/// The options of `events dead list`.
void add_list_options(CLI::App& command, DeadLetterChoice& choice);
/// The options of `events dead replay`.
void add_replay_options(CLI::App& command, DeadLetterChoice& choice);

/// Prints the dead letters of all services, a JSON object a line: service, consumer, event, error, at. Works beside
/// processes that serve, or without. Throws Unavailable.
void list_dead_letters(const Config& config, const DeadLetterChoice& choice, std::ostream& out);

/// Puts the chosen dead letters back for their consumers, which try them again as soon as the service runs; prints how
/// many. Throws std::runtime_error when the one that was named does not exist, Unavailable.
void replay_dead_letters(const Config& config, const DeadLetterChoice& choice, std::ostream& out);

}  // namespace guildhall::app
