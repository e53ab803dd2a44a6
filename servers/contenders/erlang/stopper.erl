%% Tells the server of SIGTERM.
-module(stopper).
-behaviour(gen_event).
-export([init/1, handle_event/2, handle_call/2]).

init({[Server], _}) -> {ok, Server}.

handle_event(sigterm, Server) -> Server ! stop, {ok, Server};
handle_event(_, Server) -> {ok, Server}.

handle_call(_, Server) -> {ok, ok, Server}.
