/// A currency or unit of account of ISO 4217.
public struct Currency: Hashable, Sendable {
    /// Three upper-case letters.
    public let code: String
    /// How many digits an amount may have after the point.
    public let fractionDigits: Int

    /// The active currency of that code (ISO 4217, list one of January 2026); nil for any other text.
    ///
    /// `XTS` and `XXX` are left out: they stand for tests and for no currency.
    public init?(code: String) {
        guard let digits = Self.fractionDigits[code] else { return nil }
        self.code = code
        self.fractionDigits = digits
    }

    /// Every code, sorted.
    public static var codes: [String] { self.fractionDigits.keys.sorted() }

    private static let fractionDigits: [String: Int] = {
        var table: [String: Int] = [:]
        for (digits, codes) in lists {
            for code in codes.split(whereSeparator: \.isWhitespace) { table[String(code)] = digits }
        }
        return table
    }()

    private static let lists: [(digits: Int, codes: String)] = [
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (
            2,
            """
            AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW
            CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF
            IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
            MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP
            SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG
            YER ZAR ZMW ZWG
            """
        ),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
        // Metals and units of account, for which the standard names no minor unit.
        (6, "XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XUA"),
    ]
}
