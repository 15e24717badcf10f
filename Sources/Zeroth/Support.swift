// What authors of strategies need of the support library comes with the core.
@_exported import struct ZerothSupport.InputError
@_exported import func ZerothSupport.require
