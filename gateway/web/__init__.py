"""HTTP: the API for programs and the console for people, over the use-cases of ``admin``; and the server under them.

==========================  ===========================================================================================
``server``                  an app on one address: uvicorn within bounds of time, number and size; TLS, proxies
``app``                     what the admin listener serves: API, console, health
``site``                    what a request works with: the ``Wiring`` in force, and how the gateway is
``identity``                who asks, and from where
``problem``                 what went wrong, as the API says it (RFC 9457)
``fields`` ``body``         what every answer carries; how much of a body is taken in
``boundary``                what becomes of a bug
``health`` ``metrics``      ``/healthz`` and ``/readyz`` for both listeners; what the metrics listener serves
``flow``                    whether mail flows, found by asking
``api``                     the routes below ``/api/v1``
``console``                 the pages, with their ``templates``, ``static`` files and ``locale``
==========================  ===========================================================================================

Routes that ask the store are plain functions, which FastAPI runs in threads. Not here: what is done, and what is seen
(``admin``); who may do what (``admin.permission``); the processes (``processes.admin_server``, ``.metrics_server``).
"""
