// A C++20 coroutine for each client, on Boost.Asio's reactor: one thread.
#include <utility>

#include <boost/asio.hpp>
#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <linux/sockios.h>
#include <list>
#include <optional>
#include <sstream>
#include <sys/ioctl.h>
#include <vector>

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

constexpr std::size_t line_bytes_max = 65536;
const std::string too_long = "ERR too-long a line holds 65536 bytes at most\n";

/// Errors are values: a client that has gone is nothing exceptional.
auto into(boost::system::error_code &error) {
    return asio::redirect_error(asio::use_awaitable, error);
}

std::list<tcp::socket *> clients;
bool stopping = false;

std::uint64_t work(std::uint64_t rounds) {
    std::uint64_t x = 0x9E3779B97F4A7C15;
    for (auto i = rounds * 64; i > 0; i--)
        x = (x ^ x >> 32) * 0xD6E8FEB86659FD93;
    return x;
}

struct Answer {
    std::string reply;
    std::chrono::microseconds wait{0};
    bool last = false;
};

bool whole(const std::string &word, long long &n) {
    char *end;
    errno = 0;
    n = std::strtoll(word.c_str(), &end, 10);
    return errno == 0 && !word.empty() && *end == 0 && word != "-" && word.find('+') == word.npos;
}

/// A whole number of any length: limbs of nine digits, the lowest first.
struct Number {
    bool negative = false;
    std::vector<std::uint32_t> limbs;
};

std::optional<Number> number(std::string_view word) {
    Number n{word.starts_with('-'), {}};
    word.remove_prefix(n.negative);
    if (word.empty() || word.find_first_not_of("0123456789") != word.npos)
        return {};
    n.limbs.resize((word.size() + 8) / 9);
    for (std::size_t at = 0; at < word.size(); at++) {
        auto &limb = n.limbs[(word.size() - 1 - at) / 9];
        limb = limb * 10 + std::uint32_t(word[at] - '0');
    }
    return n;
}

std::string product(const Number &a, const Number &b) {
    std::vector<std::uint32_t> limbs(a.limbs.size() + b.limbs.size());
    for (std::size_t i = 0; i < a.limbs.size(); i++) {
        std::uint64_t carry = 0;
        for (std::size_t j = 0; j < b.limbs.size() || carry; j++) {
            std::uint64_t sum = limbs[i + j] + carry;
            if (j < b.limbs.size())
                sum += std::uint64_t(a.limbs[i]) * b.limbs[j];
            limbs[i + j] = std::uint32_t(sum % 1'000'000'000);
            carry = sum / 1'000'000'000;
        }
    }
    while (limbs.size() > 1 && limbs.back() == 0)
        limbs.pop_back();
    bool negative = a.negative != b.negative && (limbs.size() > 1 || limbs[0] != 0);
    std::string text = (negative ? "-" : "") + std::to_string(limbs.back());
    char digits[16];
    for (std::size_t at = limbs.size() - 1; at-- > 0;) {
        std::snprintf(digits, sizeof digits, "%09" PRIu32, limbs[at]);
        text += digits;
    }
    return text;
}

Answer answer(std::string_view line) {
    if (line.ends_with('\r'))
        line.remove_suffix(1);
    auto space = line.find(' ');
    std::string verb(line.substr(0, space));
    auto rest = space == line.npos ? std::string_view() : line.substr(space + 1);
    for (char &c : verb)
        c = char(std::toupper(static_cast<unsigned char>(c)));
    if (verb == "ECHO")
        return {"OK " + std::string(rest) + "\n"};
    if (verb == "QUIT")
        return {"OK bye\n", {}, true};
    std::istringstream stream{std::string(rest)};
    std::vector<std::string> words{std::istream_iterator<std::string>(stream), {}};
    long long a, b, c;
    if (verb == "MUL") {
        auto left = words.size() == 2 ? number(words[0]) : std::nullopt;
        auto right = left ? number(words[1]) : std::nullopt;
        if (!right)
            return {"ERR bad-argument MUL takes two whole numbers, as in MUL 22 9\n"};
        return {"OK " + product(*left, *right) + "\n"};
    }
    if (verb == "WORK") {
        bool fits = words.size() == 3 || words.size() == 4;
        if (!fits || !whole(words[0], a) || !whole(words[1], b) || !whole(words[2], c) || a < 0 || b < 0 || c < 0)
            return {"ERR bad-argument WORK takes rounds, microseconds, bytes and maybe a tag\n"};
        char result[17];
        std::snprintf(result, sizeof result, "%016" PRIx64, work(a));
        std::string reply = std::string("OK ") + result + (words.size() == 4 ? " " + words[3] : "");
        if (long long missing = c - static_cast<long long>(reply.size()) - 1; missing > 0)
            reply += " " + std::string(missing - 1, '.');
        return {reply + "\n", std::chrono::microseconds(b)};
    }
    return {"ERR unknown-verb the verbs are ECHO, MUL, WORK and QUIT\n"};
}

asio::awaitable<void> converse(tcp::socket &client) {
    std::string input;
    for (;;) {
        boost::system::error_code error, failed;
        co_await asio::async_read_until(client, asio::dynamic_buffer(input, line_bytes_max), '\n', into(error));
        if (error == asio::error::not_found || input.size() >= line_bytes_max) {
            co_await asio::async_write(client, asio::buffer(too_long), into(failed));
            co_return;
        }
        // The end of input ends the last line too.
        if (error && (error != asio::error::eof || input.empty() || stopping))
            co_return;
        std::string replies;
        bool last = static_cast<bool>(error);
        // Replies to requests that came together leave together.
        do {
            auto end = error ? input.size() : input.find('\n');
            Answer next = answer(std::string_view(input).substr(0, end));
            input.erase(0, end + 1);
            if (next.wait > 0us) {
                asio::steady_timer timer(client.get_executor(), next.wait);
                co_await timer.async_wait(into(failed));
            }
            replies += next.reply;
            last |= next.last;
        } while (!last && replies.size() < line_bytes_max && input.find('\n') != input.npos);
        co_await asio::async_write(client, asio::buffer(replies), into(failed));
        if (failed || last)
            co_return;
    }
}

asio::awaitable<void> serve(tcp::socket client) {
    auto place = clients.insert(clients.end(), &client);
    boost::system::error_code ignored;
    client.set_option(tcp::no_delay(true), ignored);
    co_await converse(client);
    // What comes when both halves are closed resets the connection: everything is to have arrived before.
    for (int left = 0, looks = 0; looks < 1000 && ioctl(client.native_handle(), SIOCOUTQ, &left) == 0 && left > 0; looks++) {
        asio::steady_timer look(client.get_executor(), 5ms);
        co_await look.async_wait(into(ignored));
    }
    clients.erase(place);
    client.shutdown(tcp::socket::shutdown_send, ignored);
    // Closing with unread input would reset the connection and destroy the last reply.
    asio::steady_timer timer(client.get_executor(), 1s);
    timer.async_wait([&](auto error) { if (!error) client.close(ignored); });
    char scratch[4096];
    for (boost::system::error_code ended; !ended;)
        co_await client.async_read_some(asio::buffer(scratch), into(ended));
    timer.cancel();
    client.close(ignored);
    // The timer's handler refers to this coroutine: let it run first.
    co_await asio::post(client.get_executor(), asio::use_awaitable);
}

asio::awaitable<void> accept(tcp::acceptor &listener) {
    while (!stopping) {
        boost::system::error_code error;
        tcp::socket client = co_await listener.async_accept(into(error));
        if (!error) {
            asio::co_spawn(listener.get_executor(), serve(std::move(client)), asio::detached);
        } else if (!stopping) {
            // No descriptor is left, or the client has gone already.
            asio::steady_timer timer(listener.get_executor(), 10ms);
            co_await timer.async_wait(into(error));
        }
    }
}

int main(int, char **arguments) try {
    asio::io_context loop(1);
    tcp::acceptor listener(loop, {asio::ip::address_v4::loopback(), static_cast<unsigned short>(std::stoi(arguments[1]))});
    listener.listen(4096);
    asio::co_spawn(loop, accept(listener), asio::detached);
    asio::signal_set signals(loop, SIGTERM, SIGINT);
    asio::steady_timer drain(loop);
    signals.async_wait([&](auto, int) {
        stopping = true;
        listener.close();
        boost::system::error_code ignored;
        for (auto *client : clients)
            client->shutdown(tcp::socket::shutdown_receive, ignored);
        drain.expires_after(5s);
        drain.async_wait([&](auto error) { if (!error) loop.stop(); });
        asio::post(loop, [&] { signals.cancel(); });
    });
    while (!(stopping && clients.empty()) && !loop.stopped())
        loop.run_one();
    drain.cancel();
    loop.run_for(1500ms);
} catch (const std::exception &error) {
    std::cerr << error.what() << "\n";
    return 1;
}
